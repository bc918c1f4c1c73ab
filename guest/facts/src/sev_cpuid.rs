//! CPUID leaf 0x8000001F, decoded: what a processor says about AMD's memory encryption.

use crate::protection::Protection;
use serde::{Deserialize, Serialize};

/// The leaf on memory encryption.
#[cfg(target_arch = "x86_64")]
const LEAF: u32 = 0x8000_001f;
/// The leaf that returns the number of the largest leaf.
#[cfg(target_arch = "x86_64")]
const LARGEST: u32 = 0x8000_0000;

/// CPUID leaf 0x8000001F (AMD64 Architecture Programmer's Manual, volume 3, appendix E.4.17).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SevCpuid {
    /// Feature bits.
    pub eax: u32,
    /// C-bit, address reduction, number of VMPLs.
    pub ebx: u32,
    /// The most encrypted guests that run at a time.
    pub ecx: u32,
    /// The smallest ASID for a SEV guest without SEV-ES.
    pub edx: u32,
}

impl SevCpuid {
    /// Reads the leaf of this processor; `None` if it has no such leaf.
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

    /// SEV.
    pub const fn sev(self) -> bool {
        self.eax & 1 << 1 != 0
    }

    /// SEV-ES.
    pub const fn sev_es(self) -> bool {
        self.eax & 1 << 3 != 0
    }

    /// SEV-SNP.
    pub const fn sev_snp(self) -> bool {
        self.eax & 1 << 4 != 0
    }

    /// Whether the processor supports a protection.
    pub const fn offers(self, protection: Protection) -> bool {
        match protection {
            Protection::Sev => self.sev(),
            Protection::SevEs => self.sev_es(),
            Protection::SevSnp => self.sev_snp(),
        }
    }

    /// The address bit that marks a page as encrypted.
    pub const fn c_bit(self) -> u32 {
        self.ebx & 0x3f
    }

    /// The number of physical address bits lost while encryption is enabled.
    pub const fn reduced_address_bits(self) -> u32 {
        self.ebx >> 6 & 0x3f
    }

    /// The number of virtual machine privilege levels.
    pub const fn vmpls(self) -> u32 {
        self.ebx >> 12 & 0xf
    }

    /// The most encrypted guests that run at a time.
    pub const fn guests(self) -> u32 {
        self.ecx
    }

    /// The smallest ASID for a guest with SEV alone; SEV-ES and SEV-SNP guests use those below it.
    pub const fn minimum_asid(self) -> u32 {
        self.edx
    }

    /// The number of ASIDs for guests with SEV alone, and for guests with SEV-ES or SEV-SNP.
    pub const fn asids(self) -> (u32, u32) {
        let below = self.edx.saturating_sub(1);
        let protected = if below < self.ecx { below } else { self.ecx };
        (self.ecx - protected, protected)
    }

    /// The name and value of every field.
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

/// Bits of EAX. Bits not listed here do not affect what a host can offer a guest.
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

    /// Castellotti's host: SME, SEV, SEV-ES, SEV-SNP; C-bit 51, 5 address bits lost, 4 VMPLs, 509
    /// guests, minimum ASID 128.
    #[test]
    fn decodes_the_listing_of_an_epyc_7713p() {
        let cpuid = SevCpuid { eax: 0x0101_fd3f, ebx: 0x0000_4173, ecx: 509, edx: 128 };
        assert!(cpuid.sev() && cpuid.sev_es() && cpuid.sev_snp());
        assert_eq!((cpuid.c_bit(), cpuid.reduced_address_bits(), cpuid.vmpls()), (51, 5, 4));
        assert_eq!((cpuid.guests(), cpuid.minimum_asid()), (509, 128));
        assert_eq!(cpuid.asids(), (382, 127));
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
    fn asids_stay_in_range_for_inconsistent_registers() {
        let of = |ecx, edx| SevCpuid { ecx, edx, ..SevCpuid::default() }.asids();
        assert_eq!(of(15, 1), (15, 0));
        assert_eq!(of(15, 0), (15, 0));
        assert_eq!(of(15, 99), (0, 15));
    }

    #[test]
    fn zero_leaf_offers_nothing() {
        let none = SevCpuid::default();
        assert!(!none.sev() && !none.sev_es() && !none.sev_snp());
        assert_eq!(none.asids(), (0, 0));
    }
}
