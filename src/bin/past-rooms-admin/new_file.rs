//! Files that appear at their place once they are complete.

use std::io;
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

/// Creates a temporary file beside `place`. Its name begins with that of the place.
///
/// # Errors
/// A text that names the place as `name`.
pub fn beside(place: &Path, name: &Path) -> Result<NamedTempFile, String> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut prefix = place.file_name().unwrap_or_default().to_owned();
    prefix.push(".");
    let mut builder = Builder::new();
    builder.prefix(&prefix);
    #[cfg(unix)]
    {
        // As of any new file: the umask takes away what the user does not want.
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder.unwrap_or(Path::new("."))).map_err(naming(name))
}

/// Returns a function that turns an I/O error into a text that names `path`.
pub fn naming(path: &Path) -> impl Fn(io::Error) -> String + '_ {
    move |error| {
        // Errors of temporary files end with their path, which the user has not given.
        let text = error.to_string();
        let cause = text.split(" at path \"").next().unwrap_or_default();
        format!("{}: {cause}", path.display())
    }
}
