//! Pure: whether a host has the memory and the CPUs that machines are to have, all of them at once.

use crate::{Backing, QemuMachine, Treatment};

/// What one QEMU takes of the host's memory beside its guest's.
const QEMU_MIB: u64 = 100;

/// What a host has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// Memory that programs can still have; none where that is not known.
    pub(crate) available_mib: Option<u64>,
    /// Memory in free huge pages.
    pub(crate) huge_mib: u64,
    pub(crate) cpus: u64,
}

impl Room {
    /// What the text of /proc/meminfo says, beside a number of CPUs.
    pub(crate) fn parse(meminfo: &str, cpus: u64) -> Self {
        let field = |name: &str| {
            let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
            line.trim().trim_end_matches("kB").trim().parse::<u64>().ok()
        };
        let huge_kib =
            field("HugePages_Free:").and_then(|pages| pages.checked_mul(field("Hugepagesize:")?));
        Self {
            available_mib: field("MemAvailable:").map(|kib| kib >> 10),
            huge_mib: huge_kib.unwrap_or(0) >> 10,
            cpus,
        }
    }

    /// Why the machines cannot be here, if they cannot, and what to set.
    pub(crate) fn lack(self, machines: &[&QemuMachine]) -> Option<String> {
        machines.iter().find_map(|machine| self.lack_of_one(machine)).or_else(|| {
            let (huge, base): (Vec<&QemuMachine>, Vec<&QemuMachine>) =
                machines.iter().partition(|machine| machine.settings.backing == Backing::Hugetlb);
            let memory_mib = |machines: &[&QemuMachine]| -> u64 {
                machines.iter().map(|machine| u64::from(machine.settings.memory_mib)).sum()
            };
            let huge_mib = memory_mib(&huge);
            let needed_mib = memory_mib(&base) + machines.len() as u64 * QEMU_MIB;
            let count = machines.len();
            if huge_mib > self.huge_mib {
                return Some(format!(
                    "{count} guests need {huge_mib} MiB of huge pages and {} MiB are free: type `sysctl vm.nr_hugepages=N`",
                    self.huge_mib
                ));
            }
            let available_mib = self.available_mib.filter(|available| *available < needed_mib)?;
            Some(format!(
                "{count} guests need {needed_mib} MiB of memory and {available_mib} MiB are free: lower memory_mib, or free some"
            ))
        })
    }

    fn lack_of_one(self, machine: &QemuMachine) -> Option<String> {
        let settings = &machine.settings;
        let (vcpus, pins) = (settings.vcpus, settings.vcpu_pins.len());
        if u64::from(vcpus) > self.cpus {
            let cpus = self.cpus;
            return Some(format!(
                "a guest is to have {vcpus} vCPUs and this host has {cpus} CPUs: lower vcpus"
            ));
        }
        if pins > 0 && pins != vcpus as usize {
            return Some(format!(
                "vcpu_pins names {pins} CPUs for {vcpus} vCPUs: name one for each"
            ));
        }
        let alike = machine.treatment != Treatment::Snp || settings.backing == Backing::Memfd;
        (!alike).then(|| {
            "a SEV-SNP guest's private memory is of base pages, and the other arms' must be too: set backing = \"memfd\""
                .into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MachineSettings;

    fn lack(change: impl FnOnce(&mut MachineSettings), treatment: Treatment, room: Room) -> String {
        let mut settings =
            MachineSettings { vcpus: 4, memory_mib: 2048, ..MachineSettings::default() };
        change(&mut settings);
        let machine = QemuMachine::new(treatment, settings);
        room.lack(&[&machine, &machine]).unwrap_or_default()
    }

    const ROOM: Room = Room { available_mib: Some(4296), huge_mib: 0, cpus: 4 };

    #[test]
    fn more_than_there_is_is_refused_before_anything_starts() {
        let nosev = Treatment::Nosev;
        assert_eq!(lack(|_| (), nosev, ROOM), "");
        let short = Room { available_mib: Some(4295), ..ROOM };
        assert!(lack(|_| (), nosev, short).contains("4296 MiB"));
        assert!(lack(|_| (), nosev, Room { cpus: 3, ..ROOM }).contains("lower vcpus"));
        assert!(lack(|settings| settings.vcpu_pins = vec![0], nosev, ROOM).contains("for 4 vCPUs"));
        assert_eq!(lack(|_| (), nosev, Room { available_mib: None, ..ROOM }), "");
    }

    #[test]
    fn huge_pages_are_counted_by_themselves() {
        let huge = |settings: &mut MachineSettings| settings.backing = Backing::Hugetlb;
        let room = Room { available_mib: Some(300), huge_mib: 4096, cpus: 4 };
        assert_eq!(lack(huge, Treatment::Nosev, room), "");
        assert!(
            lack(huge, Treatment::Nosev, Room { huge_mib: 4095, ..room }).contains("nr_hugepages")
        );
        assert!(lack(huge, Treatment::Snp, room).contains("backing = \"memfd\""));
    }

    #[test]
    fn what_the_kernel_says_of_memory_is_read() {
        let text = "MemTotal: 9 kB\nMemAvailable:   2048 kB\nHugePages_Free:       3\nHugepagesize:       2048 kB\n";
        let room = Room::parse(text, 2);
        assert_eq!((room.available_mib, room.huge_mib), (Some(2), 6));
        let none = Room::parse("MemAvailable: much", 2);
        assert_eq!((none.available_mib, none.huge_mib), (None, 0));
    }
}
