//! Lambda's share of a processor: a control group with a quota.

use std::error::Error;
use std::fs;
use std::path::PathBuf;

/// A function with so many megabytes has one whole processor.
///
/// Source: AWS Lambda Developer Guide, "Configure Lambda function memory".
pub const MEGABYTES_PER_PROCESSOR: u64 = 1769;
const PERIOD_MICROS: u64 = 20_000;

/// Where control groups are, and whether they are of the first version.
fn root() -> (PathBuf, bool) {
    let first = PathBuf::from("/sys/fs/cgroup/cpu");
    let is_first = first.join("cpu.cfs_quota_us").exists();
    (if is_first { first } else { PathBuf::from("/sys/fs/cgroup") }, is_first)
}

/// A control group, of either version of them. It is removed when this is dropped.
pub struct Share {
    folder: PathBuf,
}

impl Share {
    /// The share of a function with so much memory. An error if control groups cannot be made here.
    pub fn of_memory(megabytes: u64) -> Result<Self, Box<dyn Error>> {
        let quota = PERIOD_MICROS * megabytes / MEGABYTES_PER_PROCESSOR;
        let name = format!("past-rooms-{}-{megabytes}", std::process::id());
        let (root, is_first) = root();
        let folder = root.join(name);
        fs::create_dir(&folder)?;
        let share = Share { folder };
        if is_first {
            share.write("cpu.cfs_period_us", &PERIOD_MICROS.to_string())?;
            share.write("cpu.cfs_quota_us", &quota.to_string())?;
        } else {
            share.write("cpu.max", &format!("{quota} {PERIOD_MICROS}"))?;
        }
        Ok(share)
    }

    /// Puts a process under it.
    pub fn take(&self, process_id: u32) -> Result<(), Box<dyn Error>> {
        self.write("cgroup.procs", &process_id.to_string())
    }

    /// Takes a process out of whatever share it has.
    pub fn leave(process_id: u32) -> Result<(), Box<dyn Error>> {
        let procs = root().0.join("cgroup.procs");
        fs::write(&procs, process_id.to_string())
            .map_err(|error| format!("{}: {error}", procs.display()).into())
    }

    fn write(&self, file: &str, text: &str) -> Result<(), Box<dyn Error>> {
        let file = self.folder.join(file);
        fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()).into())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.folder);
    }
}
