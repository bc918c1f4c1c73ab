//! The storage suite: the two fio workloads of "Performance Evaluation of AMD Secure Encrypted
//! Virtualization" (Castellotti, TU Munich), with the parameters that the study intended. They only
//! read, from the guest's data disks.

use sevbench::{Bench, Observation, Observed, Observer, Skip, Unit};
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
        Ok(Observed::from(observations).measured_for(figures.measured))
    });
    Ok(())
}

fn seq_read(o: &mut Observer<'_>, attachment: Attachment) -> Result<(), Skip> {
    read(o, attachment, &SEQ_READ, |figures| {
        Observation::rate("bandwidth", figures.bytes_per_second, Unit::BytesPerSecond)
    })
}

fn rand_read(o: &mut Observer<'_>, attachment: Attachment) -> Result<(), Skip> {
    read(o, attachment, &RAND_READ, |figures| Observation::rate("iops", figures.iops, Unit::Iops))
}

sevbench::main!(
    storage,
    [
        Bench::program_over("seq-read", ATTACHMENTS, seq_read),
        Bench::program_over("rand-read", ATTACHMENTS, rand_read),
    ]
);
