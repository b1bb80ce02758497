#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| past_rooms_fuzz::checks::tally_row(input));
