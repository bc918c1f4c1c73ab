//! The storage suite: the two fio workloads of "Performance Evaluation of AMD Secure Encrypted
//! Virtualization" (Castellotti, TU Munich), with the parameters that the study intended. They only
//! read, from the guest's data disks.

use sevbench::{Bench, BenchEntry, Observation, Observed, Observer, Skip, Unit};
use sevbench_suite::storage::disk::{Attachment, Disk};
use sevbench_suite::storage::fio::Fio;
use sevbench_suite::storage::fio::job::{RAND_READ, SEQ_READ, Workload};
use sevbench_suite::storage::fio::report::{Figures, LATENCY_BIN};
use std::path::Path;

const ATTACHMENTS: [Attachment; 3] =
    [Attachment::VirtioBlk, Attachment::VirtioScsi, Attachment::Nvme];

fn read(
    o: &mut Observer<'_>,
    attachment: Attachment,
    workload: &Workload,
    rate: fn(&Figures) -> Observation,
) -> Result<(), Skip> {
    let disk = Disk::find(Path::new("/sys"), attachment)
        .and_then(|disk| disk.check_device_file().map(|()| disk))
        .map_err(|error| Skip::new(&error, error.hint()))?;
    let fio = Fio::find().map_err(|error| Skip::new(&error, error.hint()))?;
    o.observe(|duration| {
        let figures = fio.run(workload, &disk.path, duration)?;
        let latency =
            Observation::binned_histogram("completion-latency", &figures.latency_ns, LATENCY_BIN);
        let observations = vec![rate(&figures), latency];
        Ok(Observed { observations, measured: Some(figures.measured) })
    });
    Ok(())
}

fn seq_read(o: &mut Observer<'_>, attachment: &Attachment) -> Result<(), Skip> {
    read(o, *attachment, &SEQ_READ, |figures| {
        Observation::rate("bandwidth", figures.bytes_per_second, Unit::BytesPerSecond)
    })
}

fn rand_read(o: &mut Observer<'_>, attachment: &Attachment) -> Result<(), Skip> {
    read(o, *attachment, &RAND_READ, |figures| Observation::rate("iops", figures.iops, Unit::Iops))
}

const BENCHES: &[&dyn BenchEntry] = &[
    &Bench::program_with("seq-read", seq_read).over(&ATTACHMENTS),
    &Bench::program_with("rand-read", rand_read).over(&ATTACHMENTS),
];
sevbench::main!(storage, BENCHES);
