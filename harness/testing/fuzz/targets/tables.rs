#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| sevbench_runner::fuzzing::table(bytes));
