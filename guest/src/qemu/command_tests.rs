//! Tests of the command line: what the arms share, and where they differ.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use super::super::{Controller, WantedAccelerator};
use super::*;
use crate::image::DiskFormat;
use std::collections::BTreeSet;

fn image() -> ImageFiles {
    ImageFiles {
        root: "/images/a,b/root.img".into(),
        format: DiskFormat::Raw,
        kernel: Some("/images/vmlinuz".into()),
        initrd: Some("/images/initrd".into()),
        kernel_root: "LABEL=sevbench-root".into(),
        name: "test".into(),
    }
}

fn line_of(machine: &QemuMachine, image: &ImageFiles) -> Vec<String> {
    let disk = |controller: Controller| DataDisk {
        controller,
        path: format!("/disks/{}", controller.name()).into(),
        is_device: controller == Controller::Nvme,
    };
    let wiring = Wiring {
        accelerator: &Accelerator::Kvm,
        firmware: Path::new("/fw/OVMF.fd"),
        image,
        data_disks: &Controller::ALL.map(disk),
        console: Console::Descriptor(8),
        control: Control::Descriptor(7),
        ssh_port: 0,
        c_bit: 51,
        seed_fd: None,
    };
    command_line(machine, &wiring)
}

fn line(treatment: Treatment) -> Vec<String> {
    line_of(&QemuMachine::new(treatment, MachineSettings::default()), &image())
}

/// The values of every option of this name.
fn values<'a>(line: &'a [String], option: &str) -> Vec<&'a str> {
    line.windows(2).filter(|pair| pair[0] == option).map(|pair| pair[1].as_str()).collect()
}

#[test]
fn shared_options_are_in_every_command_line() {
    for treatment in Treatment::ALL {
        let line = line(treatment);
        for word in ["-nodefaults", "-no-reboot", "-nographic", "-S"] {
            assert!(line.iter().any(|other| other == word), "{word} in {treatment:?}");
        }
        assert_eq!(values(&line, "-cpu"), ["EPYC-v4,host-phys-bits=true"]);
        assert_eq!(values(&line, "-bios"), ["/fw/OVMF.fd"], "pflash is refused by SEV-SNP");
        let memory = "memory-backend-memfd,id=ram1,size=1024M,share=true,prealloc=on";
        assert!(values(&line, "-object").contains(&memory));
        assert!(values(&line, "-machine")[0].starts_with("q35,smm=off,memory-backend=ram1"));
        let devices = values(&line, "-device");
        for serial in Controller::ALL.map(Controller::serial) {
            assert!(devices.iter().any(|device| device.contains(serial)), "{serial}");
        }
        for device in devices.iter().filter(|device| device.starts_with("virtio-")) {
            assert!(device.contains("disable-legacy=on"), "{device}");
            assert_eq!(
                device.contains("iommu_platform=on"),
                treatment != Treatment::Nosev,
                "{device}"
            );
        }
        assert!(values(&line, "-netdev")[0].contains("hostfwd=tcp:127.0.0.1:0-:22"));
    }
}

#[test]
fn each_protection_has_its_own_object() {
    let object = |treatment| {
        let line = line(treatment);
        let objects = values(&line, "-object");
        objects.into_iter().find(|object| object.contains("sev0")).map(str::to_owned)
    };
    let bits = "id=sev0,cbitpos=51,reduced-phys-bits=1";
    assert_eq!(object(Treatment::Nosev), None);
    assert_eq!(object(Treatment::Bounce), None);
    assert_eq!(object(Treatment::Sev).unwrap(), format!("sev-guest,{bits},policy=0x1"));
    assert_eq!(object(Treatment::SevEs).unwrap(), format!("sev-guest,{bits},policy=0x5"));
    assert_eq!(object(Treatment::Snp).unwrap(), format!("sev-snp-guest,{bits},policy=0x30000"));
    let machine = line(Treatment::Snp);
    assert_eq!(
        values(&machine, "-machine"),
        ["q35,smm=off,memory-backend=ram1,confidential-guest-support=sev0"]
    );
}

/// The words in which two command lines differ, in any position.
#[test]
fn arms_differ_only_in_the_treatment() {
    let words = |treatment| line(treatment).into_iter().collect::<BTreeSet<_>>();
    let (control, bounce) = (words(Treatment::Nosev), words(Treatment::Bounce));
    let plain =
        |word: &String| word.replace(",iommu_platform=on", "").replace(" swiotlb=force", "");
    let name = |word: &String| word.replace("sevbench-bounce", "sevbench-nosev");
    let bounce: BTreeSet<String> = bounce.iter().map(plain).map(|word| name(&word)).collect();
    assert_eq!(bounce, control);
    // A protected arm is the bounce arm's machine, with its object instead of the kernel's word.
    let plain = |word: &String| word.replace(" swiotlb=force", "");
    let bounce: BTreeSet<String> = words(Treatment::Bounce).iter().map(plain).collect();
    for treatment in [Treatment::Sev, Treatment::SevEs, Treatment::Snp] {
        let protected = words(treatment);
        let differing: Vec<&String> = bounce.symmetric_difference(&protected).collect();
        let is_treatment = |word: &&&String| {
            word.contains("sev0") || word.starts_with("sevbench-") || word.starts_with("q35,")
        };
        assert!(differing.iter().all(|word| is_treatment(&word)), "{differing:?}");
        let machine = "q35,smm=off,memory-backend=ram1";
        assert!(protected.contains(&format!("{machine},confidential-guest-support=sev0")));
    }
}

#[test]
fn settings_reach_the_command_line() {
    let settings = MachineSettings {
        vcpus: 16,
        memory_mib: 16384,
        accelerator: WantedAccelerator::Kvm,
        cpu_model: Some("EPYC-Milan".into()),
        kernel_command_line: "mitigations=off".into(),
        qemu_arguments: vec!["-device".into(), "virtio-rng-pci".into()],
        backing: Backing::Hugetlb,
        numa_node: Some(1),
        kernel_hashes: true,
        ..MachineSettings::default()
    };
    let line = line_of(&QemuMachine::new(Treatment::Snp, settings), &image());
    assert_eq!((values(&line, "-smp"), values(&line, "-m")), (vec!["16"], vec!["16384M"]));
    assert_eq!(values(&line, "-cpu"), ["EPYC-Milan"]);
    assert!(values(&line, "-append")[0].ends_with(" mitigations=off"));
    assert_eq!(values(&line, "-device").last(), Some(&"virtio-rng-pci"));
    let objects = values(&line, "-object").join(" ");
    assert!(objects.contains("hugetlb=on,host-nodes=1,policy=bind"), "{objects}");
    assert!(objects.contains("kernel-hashes=on,policy=0x30000"), "{objects}");
}

#[test]
fn disk_with_a_boot_loader_gets_no_kernel_and_commas_are_doubled() {
    let own = ImageFiles { kernel: None, initrd: None, format: DiskFormat::Qcow2, ..image() };
    let line = line_of(&QemuMachine::new(Treatment::Nosev, MachineSettings::default()), &own);
    assert!(values(&line, "-kernel").is_empty() && values(&line, "-append").is_empty());
    assert!(
        values(&line, "-drive")[0].ends_with("format=qcow2,snapshot=on,file=/images/a,,b/root.img")
    );
    assert!(values(&line, "-device")[0].contains("bootindex=0"));
    let drives = values(&line, "-drive").join(" ");
    assert!(drives.contains("file.driver=host_device,file.filename=/disks/nvme"));
    assert_eq!(drives.matches("readonly=on,cache=none,aio=native").count(), 3);
}
