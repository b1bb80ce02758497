//! The stored inputs of the fuzz targets, with the ordinary toolchain.

use std::fs;
use std::path::Path;

use crate::checks;

#[test]
fn every_stored_input_passes_its_check() {
    for (name, check) in checks::ALL {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpora").join(name);
        let mut inputs = 0;
        for file in fs::read_dir(&folder).expect("a corpus") {
            let file = file.expect("a file").path();
            let input = fs::read(&file).expect("an input");
            if std::panic::catch_unwind(|| check(&input)).is_err() {
                panic!("{} does not pass", file.display());
            }
            inputs += 1;
        }
        assert!(inputs >= 10, "{name} has {inputs} inputs");
    }
}
