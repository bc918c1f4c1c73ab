//! The storage suite: the two fio workloads of "Performance Evaluation of AMD Secure Encrypted
//! Virtualization" (Castellotti, TU Munich), with the parameters that the study intended. They only
//! read, from the guest's data disks.

use sevbench::{Bench, BenchEntry, Bencher, Observation, Observed, Unit};
use sevbench_suite::storage::disk::{Attachment, Disk};
use sevbench_suite::storage::fio::Fio;
use sevbench_suite::storage::fio::job::{RAND_READ, SEQ_READ, Workload};
use sevbench_suite::storage::fio::report::{Figures, LATENCY_BIN};
use std::path::Path;

const ATTACHMENTS: [Attachment; 3] =
    [Attachment::VirtioBlk, Attachment::VirtioScsi, Attachment::Nvme];

fn read(
    b: &mut Bencher<'_>,
    attachment: Attachment,
    workload: &Workload,
    rate: fn(&Figures) -> Observation,
) {
    let disk = Disk::find(Path::new("/sys"), attachment)
        .and_then(|disk| disk.check_device_file().map(|()| disk));
    let disk = match disk {
        Ok(disk) => disk,
        Err(error) => return b.skip(error.to_string(), error.hint()),
    };
    let fio = match Fio::find() {
        Ok(fio) => fio,
        Err(error) => return b.skip(error.to_string(), error.hint()),
    };
    b.observe(|duration| {
        let figures = fio.run(workload, &disk.path, duration).map_err(|error| error.to_string())?;
        let latency =
            Observation::binned_histogram("completion-latency", &figures.latency_ns, LATENCY_BIN);
        let observations = vec![rate(&figures), latency];
        Ok(Observed { observations, measured: Some(figures.measured) })
    });
}

fn seq_read(b: &mut Bencher<'_>, attachment: &Attachment) {
    read(b, *attachment, &SEQ_READ, |figures| {
        Observation::rate("bandwidth", figures.bytes_per_second, Unit::BytesPerSecond)
    });
}

fn rand_read(b: &mut Bencher<'_>, attachment: &Attachment) {
    read(b, *attachment, &RAND_READ, |figures| Observation::rate("iops", figures.iops, Unit::Iops));
}

const BENCHES: &[&dyn BenchEntry] = &[
    &Bench::with("seq-read", seq_read).over(&ATTACHMENTS).observed(),
    &Bench::with("rand-read", rand_read).over(&ATTACHMENTS).observed(),
];
sevbench::main!(storage, BENCHES);
