//! Pure: whether a host has the memory and the CPUs for a set of machines that run at once.

use crate::qemu::{Backing, QEMU_MIB, QemuMachine};
use crate::treatment::Treatment;
use thiserror::Error;

/// The memory and CPUs of a host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostCapacity {
    /// Memory available to programs; `None` if unknown.
    pub(crate) available_mib: Option<u64>,
    /// Memory in free huge pages.
    pub(crate) huge_mib: u64,
    /// Huge pages that are taken, and the size of one.
    pub(crate) huge_taken: u64,
    pub(crate) huge_page_kib: u64,
    pub(crate) cpus: u64,
}

/// Why a host cannot run a set of machines at once. The message ends with the setting to change.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are in the messages, and named by what they hold")]
pub enum CapacityError {
    /// Too few CPUs.
    #[error(
        "a guest needs {vcpus} vCPUs but this host has {cpus} CPUs: lower vcpus under [machine] in \
         sevbench.toml"
    )]
    Cpus { vcpus: u32, cpus: u64 },
    /// The pins do not match the vCPUs.
    #[error("vcpu_pins names {pins} CPUs for {vcpus} vCPUs: name one CPU for each vCPU")]
    Pins { pins: usize, vcpus: u32 },
    /// A memory backing that the SEV-SNP arm cannot share.
    #[error(
        "a SEV-SNP guest's private memory uses 4 KiB pages, so the other arms must use them too: set \
         backing = \"memfd\" under [machine] in sevbench.toml"
    )]
    Backing,
    /// Too few free huge pages.
    #[error(
        "{guests} guests need {needed_mib} MiB of huge pages but {free_mib} MiB are free: type \
         `sysctl vm.nr_hugepages={pages}` as root"
    )]
    HugePages { guests: usize, needed_mib: u64, free_mib: u64, pages: u64 },
    /// Too little memory.
    #[error(
        "{guests} guests need {needed_mib} MiB of memory but {free_mib} MiB are free: lower \
         memory_mib under [machine] in sevbench.toml, or free some memory"
    )]
    Memory { guests: usize, needed_mib: u64, free_mib: u64 },
}

impl HostCapacity {
    /// From the text of /proc/meminfo and a number of CPUs.
    pub(crate) fn parse(meminfo: &str, cpus: u64) -> Self {
        let field = |name: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
        };
        let pages = |name: &str| field(name).unwrap_or(0);
        let free = pages("HugePages_Free:");
        let huge_page_kib = field("Hugepagesize:").filter(|kib| *kib > 0).unwrap_or(2048);
        Self {
            available_mib: field("MemAvailable:").map(|kib| kib >> 10),
            huge_mib: free.checked_mul(huge_page_kib).unwrap_or(0) >> 10,
            huge_taken: pages("HugePages_Total:").saturating_sub(free),
            huge_page_kib,
            cpus,
        }
    }

    /// How many huge pages the host must have for this much of them to be free.
    fn huge_pages_for(self, needed_mib: u64) -> u64 {
        self.huge_taken.saturating_add((needed_mib << 10).div_ceil(self.huge_page_kib))
    }

    /// Checks that all these machines fit at once.
    ///
    /// # Errors
    /// If they do not.
    pub(crate) fn check(self, machines: &[&QemuMachine]) -> Result<(), CapacityError> {
        machines.iter().try_for_each(|machine| self.check_one(machine))?;
        let (huge, base): (Vec<&QemuMachine>, Vec<&QemuMachine>) =
            machines.iter().partition(|machine| machine.settings.backing == Backing::Hugetlb);
        let memory_mib = |machines: &[&QemuMachine]| -> u64 {
            machines.iter().map(|machine| u64::from(machine.settings.memory_mib)).sum()
        };
        let guests = machines.len();
        let needed_mib = memory_mib(&huge);
        if needed_mib > self.huge_mib {
            let (guests, free_mib) = (huge.len(), self.huge_mib);
            let pages = self.huge_pages_for(needed_mib);
            return Err(CapacityError::HugePages { guests, needed_mib, free_mib, pages });
        }
        let needed_mib = memory_mib(&base) + guests as u64 * QEMU_MIB;
        match self.available_mib {
            Some(free_mib) if free_mib < needed_mib => {
                Err(CapacityError::Memory { guests, needed_mib, free_mib })
            }
            _ => Ok(()),
        }
    }

    fn check_one(self, machine: &QemuMachine) -> Result<(), CapacityError> {
        let settings = &machine.settings;
        let (vcpus, pins) = (settings.vcpus, settings.vcpu_pins.len());
        if u64::from(vcpus) > self.cpus {
            return Err(CapacityError::Cpus { vcpus, cpus: self.cpus });
        }
        if pins > 0 && pins != vcpus as usize {
            return Err(CapacityError::Pins { pins, vcpus });
        }
        if machine.treatment == Treatment::Snp && settings.backing != Backing::Memfd {
            return Err(CapacityError::Backing);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::qemu::MachineSettings;

    /// The problem with two such machines on such a host; empty if there is none.
    fn problem(
        change: impl FnOnce(&mut MachineSettings),
        treatment: Treatment,
        capacity: HostCapacity,
    ) -> String {
        let mut settings =
            MachineSettings { vcpus: 4, memory_mib: 2048, ..MachineSettings::default() };
        change(&mut settings);
        let machine = QemuMachine::new(treatment, settings);
        capacity.check(&[&machine, &machine]).err().map_or_else(String::new, |e| e.to_string())
    }

    const HOST: HostCapacity = HostCapacity {
        available_mib: Some(4608),
        huge_mib: 0,
        huge_taken: 0,
        huge_page_kib: 2048,
        cpus: 4,
    };

    #[test]
    fn machines_that_exceed_the_host_are_refused() {
        let nosev = Treatment::Nosev;
        assert_eq!(problem(|_| (), nosev, HOST), "");
        let short = HostCapacity { available_mib: Some(4607), ..HOST };
        assert!(problem(|_| (), nosev, short).contains("4608 MiB"));
        let few = HostCapacity { cpus: 3, ..HOST };
        assert!(problem(|_| (), nosev, few).contains("lower vcpus"));
        let pinned = problem(|settings| settings.vcpu_pins = vec![0], nosev, HOST);
        assert!(pinned.contains("for 4 vCPUs"));
        let unknown = HostCapacity { available_mib: None, ..HOST };
        assert_eq!(problem(|_| (), nosev, unknown), "");
    }

    #[test]
    fn huge_pages_are_counted_separately() {
        let huge = |settings: &mut MachineSettings| settings.backing = Backing::Hugetlb;
        let host = HostCapacity { available_mib: Some(600), huge_mib: 4096, ..HOST };
        assert_eq!(problem(huge, Treatment::Nosev, host), "");
        // Others hold 5 pages; two guests of 2 GiB need 2,048 pages of 2 MiB.
        let short = HostCapacity { huge_mib: 4095, huge_taken: 5, ..host };
        assert!(problem(huge, Treatment::Nosev, short).contains("`sysctl vm.nr_hugepages=2053`"));
        assert!(problem(huge, Treatment::Snp, host).contains("backing = \"memfd\""));
    }

    #[test]
    fn meminfo_is_parsed() {
        let text = "MemTotal: 9 kB\nMemAvailable:   2048 kB\nHugePages_Total:     10\n\
                    HugePages_Free:       3\nHugepagesize:       2048 kB\n";
        let host = HostCapacity::parse(text, 2);
        assert_eq!((host.available_mib, host.huge_mib, host.huge_taken), (Some(2), 6, 7));
        let none = HostCapacity::parse("MemAvailable: much", 2);
        assert_eq!((none.available_mib, none.huge_mib), (None, 0));
    }
}
