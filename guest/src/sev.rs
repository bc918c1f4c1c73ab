//! What a processor says of AMD's memory encryption: CPUID leaf 0x8000001F, decoded.

use crate::Protection;
use serde::{Deserialize, Serialize};

/// The leaf of the processor's answers on memory encryption.
#[cfg(target_arch = "x86_64")]
const LEAF: u32 = 0x8000_001f;
/// The leaf that names the largest one.
#[cfg(target_arch = "x86_64")]
const LARGEST: u32 = 0x8000_0000;

/// CPUID leaf 0x8000001F, as the AMD64 Architecture Programmer's Manual, volume 3, appendix E.4.17 has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SevCpuid {
    /// Features.
    pub eax: u32,
    /// C-bit, address reduction, number of VMPLs.
    pub ebx: u32,
    /// Guests with encryption at a time.
    pub ecx: u32,
    /// The smallest ASID of a SEV guest without SEV-ES.
    pub edx: u32,
}

impl SevCpuid {
    /// The answer of the processor that this runs on; none where it has no such leaf.
    pub fn read() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::x86_64::__cpuid(LARGEST).eax >= LEAF {
            let answer = std::arch::x86_64::__cpuid(LEAF);
            return Some(Self {
                eax: answer.eax,
                ebx: answer.ebx,
                ecx: answer.ecx,
                edx: answer.edx,
            });
        }
        None
    }

    /// SME: the host's own memory can be encrypted.
    pub const fn sme(self) -> bool {
        self.eax & 1 != 0
    }

    /// SEV.
    pub const fn sev(self) -> bool {
        self.eax & 1 << 1 != 0
    }

    /// The MSR by which a page of a guest is flushed from the caches.
    pub const fn page_flush_msr(self) -> bool {
        self.eax & 1 << 2 != 0
    }

    /// SEV-ES.
    pub const fn sev_es(self) -> bool {
        self.eax & 1 << 3 != 0
    }

    /// SEV-SNP.
    pub const fn sev_snp(self) -> bool {
        self.eax & 1 << 4 != 0
    }

    /// Virtual machine privilege levels; how many is [`Self::vmpls`].
    pub const fn vmpl(self) -> bool {
        self.eax & 1 << 5 != 0
    }

    /// Secure TSC: the host cannot bend a guest's clock.
    pub const fn secure_tsc(self) -> bool {
        self.eax & 1 << 8 != 0
    }

    /// Whether it offers a protection.
    pub const fn offers(self, protection: Protection) -> bool {
        match protection {
            Protection::Sev => self.sev(),
            Protection::SevEs => self.sev_es(),
            Protection::SevSnp => self.sev_snp(),
        }
    }

    /// The bit of a page's address that says that the page is encrypted.
    pub const fn c_bit(self) -> u32 {
        self.ebx & 0x3f
    }

    /// By how many bits physical addresses shrink where encryption is on.
    pub const fn reduced_address_bits(self) -> u32 {
        self.ebx >> 6 & 0x3f
    }

    /// Virtual machine privilege levels.
    pub const fn vmpls(self) -> u32 {
        self.ebx >> 12 & 0xf
    }

    /// Guests with encryption that can run at a time.
    pub const fn guests(self) -> u32 {
        self.ecx
    }

    /// The smallest ASID of a guest with SEV alone; those below it are for SEV-ES and SEV-SNP.
    pub const fn minimum_asid(self) -> u32 {
        self.edx
    }

    /// ASIDs for guests with SEV alone, and for guests with SEV-ES or SEV-SNP.
    pub const fn asids(self) -> (u32, u32) {
        let below = self.edx.saturating_sub(1);
        let protected = if below < self.ecx { below } else { self.ecx };
        (self.ecx - protected, protected)
    }

    /// Every field: what it is, and its value.
    pub fn listing(self) -> Vec<(&'static str, String)> {
        let yes_no = |bit: u32| if self.eax & 1 << bit != 0 { "yes" } else { "no" };
        let features = FEATURES.map(|(bit, name)| (name, yes_no(bit).to_owned()));
        let numbers = [
            ("C-bit", self.c_bit()),
            ("physical address reduction, bits", self.reduced_address_bits()),
            ("number of VMPLs", self.vmpls()),
            ("encrypted guests at a time", self.guests()),
            ("minimum ASID of SEV without SEV-ES", self.minimum_asid()),
        ];
        let numbers = numbers.map(|(name, value)| (name, value.to_string()));
        features.into_iter().chain(numbers).collect()
    }
}

/// Bits of EAX; those that are not here say nothing of what a host can do for a guest.
const FEATURES: [(u32, &str); 16] = [
    (0, "SME"),
    (1, "SEV"),
    (2, "page-flush MSR"),
    (3, "SEV-ES"),
    (4, "SEV-SNP"),
    (5, "VMPL"),
    (8, "Secure TSC"),
    (9, "virtual TSC_AUX"),
    (10, "coherent caches across encryption"),
    (11, "SEV from 64-bit hosts only"),
    (12, "restricted injection"),
    (13, "alternate injection"),
    (14, "debug state swap"),
    (15, "host IBS can be forbidden"),
    (16, "virtual transparent encryption"),
    (24, "VMSA register protection"),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The listing of the study's host: SME, SEV, SEV-ES, SEV-SNP; C-bit 51, 5 bits less, 4 VMPLs, 509 guests, ASID 128.
    #[test]
    fn the_listing_of_an_epyc_7713p_is_decoded() {
        let cpuid = SevCpuid { eax: 0x0101_fd3f, ebx: 0x0000_4173, ecx: 509, edx: 128 };
        assert!(cpuid.sme() && cpuid.sev() && cpuid.sev_es() && cpuid.sev_snp());
        assert_eq!((cpuid.c_bit(), cpuid.reduced_address_bits(), cpuid.vmpls()), (51, 5, 4));
        assert_eq!((cpuid.guests(), cpuid.minimum_asid()), (509, 128));
        assert_eq!(cpuid.asids(), (382, 127));
        assert!(cpuid.page_flush_msr() && cpuid.vmpl() && cpuid.secure_tsc());
        let lines = cpuid.listing().into_iter().map(|(name, value)| format!("{name}: {value}"));
        insta::assert_snapshot!(lines.collect::<Vec<_>>().join("\n"), @r#"
        SME: yes
        SEV: yes
        page-flush MSR: yes
        SEV-ES: yes
        SEV-SNP: yes
        VMPL: yes
        Secure TSC: yes
        virtual TSC_AUX: no
        coherent caches across encryption: yes
        SEV from 64-bit hosts only: yes
        restricted injection: yes
        alternate injection: yes
        debug state swap: yes
        host IBS can be forbidden: yes
        virtual transparent encryption: yes
        VMSA register protection: yes
        C-bit: 51
        physical address reduction, bits: 5
        number of VMPLs: 4
        encrypted guests at a time: 509
        minimum ASID of SEV without SEV-ES: 128
        "#);
    }

    #[test]
    fn asids_of_a_senseless_answer_are_no_panic() {
        let of = |ecx, edx| SevCpuid { ecx, edx, ..SevCpuid::default() }.asids();
        assert_eq!(of(15, 1), (15, 0));
        assert_eq!(of(15, 0), (15, 0));
        assert_eq!(of(15, 99), (0, 15));
    }

    #[test]
    fn a_processor_without_the_leaf_has_none_of_it() {
        let none = SevCpuid::default();
        assert!(!none.sme() && !none.sev() && !none.sev_es() && !none.sev_snp());
        assert_eq!(none.asids(), (0, 0));
    }
}
