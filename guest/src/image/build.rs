//! Builds the image of a recipe with mmdebstrap, and makes a disk image without mounting anything.
//! Needs no root if the kernel allows user namespaces.

use super::error::ImageError;
use super::recipe::Recipe;
use super::store::{Image, find_image, images_folder};
use crate::cache_folder::make_private;
use crate::key::make_key_pair;
use crate::limits::Interrupt;
use sevbench_process::{Capture, Program, ProgramError, is_installed};
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The longest that a build may take.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);
/// How long removing an unfinished image may take.
const REMOVE_LIMIT: Duration = Duration::from_secs(300);
/// How long a program has to clean up when it is cancelled.
const END_LIMIT: Duration = Duration::from_secs(10);
/// How many of a failed program's last lines are shown.
const LINES_SHOWN: usize = 15;

const UNFINISHED_PREFIX: &str = ".unfinished-";

/// The programs that build an image, each with its Debian package.
const PROGRAMS: [(&str, &str); 4] = [
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("tar", "tar"),
    ("unshare", "util-linux"),
];

/// Builds the image of a recipe, unless it exists; reports each line of progress.
///
/// # Errors
/// If a program is missing or fails, or the user cancels it. An unfinished image is removed.
pub fn build_image(
    recipe: &Recipe,
    interrupt: &Interrupt,
    tell: &mut dyn FnMut(&str),
) -> Result<Image, ImageError> {
    let images = images_folder()?;
    if let Ok(image) = find_image(recipe) {
        return Ok(image);
    }
    let finished = images.join(&recipe.hash);
    check_programs()?;
    let at = |path: &Path| {
        let path = path.to_owned();
        move |source| ImageError::File { path, source }
    };
    make_private(&images).map_err(at(&images))?;
    let _lock = lock(&images.join("lock"))?;
    remove_unfinished(&images);
    let folder = tempfile::Builder::new().prefix(UNFINISHED_PREFIX).tempdir_in(&images);
    let folder = Unfinished(folder.map_err(at(&images))?);
    let build = Build { recipe, folder: folder.0.path(), interrupt };
    build.write_keys()?;
    build.run("mmdebstrap", build.mmdebstrap(), tell)?;
    build.run("making the disk image", build.make_root(), tell)?;
    fs::rename(folder.0.path(), &finished).map_err(at(&finished))?;
    find_image(recipe)
}

fn check_programs() -> Result<(), ImageError> {
    match missing_programs().first() {
        Some((program, package)) => Err(ImageError::ProgramMissing {
            program: (*program).into(),
            package: (*package).into(),
        }),
        None => Ok(()),
    }
}

/// The programs that a build needs and that are missing, each with its Debian package.
pub(crate) fn missing_programs() -> Vec<(&'static str, &'static str)> {
    PROGRAMS.into_iter().filter(|(program, _)| !is_installed(program)).collect()
}

/// Held by one build at a time; the kernel releases it when the build ends, for whatever reason.
fn lock(path: &Path) -> Result<File, ImageError> {
    let failed = |source| ImageError::File { path: path.into(), source };
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(ImageError::Locked(path.into())),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Removes what killed builds have left behind.
fn remove_unfinished(images: &Path) {
    for entry in fs::read_dir(images).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED_PREFIX) {
            remove_folder(&entry.path());
        }
    }
}

/// The folder of a running build. It is removed as root of a namespace, since its files may belong
/// to other users of that namespace.
struct Unfinished(TempDir);

impl Drop for Unfinished {
    fn drop(&mut self) {
        remove_folder(self.0.path());
    }
}

fn remove_folder(path: &Path) {
    if path.exists() && fs::remove_dir_all(path).is_err() {
        let mut remove = as_root("rm");
        // If it fails, a later build tries again.
        Program::new(remove.arg("-rf").arg(path), REMOVE_LIMIT).run().ok();
    }
}

fn is_root() -> bool {
    // SAFETY: geteuid takes no arguments and cannot fail.
    unsafe { libc::geteuid() == 0 }
}

/// A command that runs as root: of this machine, or of a user namespace.
fn as_root(program: &str) -> Command {
    if is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--map-auto", "--", program]);
    command
}

struct Build<'a> {
    recipe: &'a Recipe,
    folder: &'a Path,
    interrupt: &'a Interrupt,
}

impl Build<'_> {
    /// Writes the guest's host key and the client key that it accepts. Both belong to this image
    /// alone.
    fn write_keys(&self) -> Result<(), ImageError> {
        for name in ["host_key", "client_key"] {
            let path = self.folder.join(name);
            let failed = |source| ImageError::File { path: path.clone(), source };
            let (private, public) =
                make_key_pair().map_err(|error| failed(io::Error::other(error)))?;
            let mut file = OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&path)
                .map_err(failed)?;
            file.write_all(private.as_bytes()).map_err(failed)?;
            fs::write(path.with_extension("pub"), format!("{public}\n")).map_err(failed)?;
        }
        Ok(())
    }

    fn mmdebstrap(&self) -> Command {
        let recipe = self.recipe;
        let modules = recipe.initramfs_modules.join("\\n");
        let initramfs = format!(
            "mkdir -p \"$1/etc/initramfs-tools/conf.d\" && \
             printf 'MODULES=list\\nCOMPRESS=lz4\\n' > \"$1/etc/initramfs-tools/conf.d/sevbench\" && \
             printf '{modules}\\n' > \"$1/etc/initramfs-tools/modules\""
        );
        let mut command = Command::new("mmdebstrap");
        command
            .args(["--variant=apt", "--format=tar"])
            .arg(if is_root() { "--mode=root" } else { "--mode=unshare" })
            .arg(format!("--components={}", recipe.components.join(",")))
            .arg(format!(
                "--include={}",
                [&["lz4".into()], &recipe.packages[..]].concat().join(",")
            ))
            .arg("--aptopt=APT::Install-Recommends \"false\"")
            .args(
                ["man", "doc", "locale"]
                    .map(|name| format!("--dpkgopt=path-exclude=/usr/share/{name}/*")),
            )
            .arg(format!("--essential-hook={initramfs}"))
            .arg("--")
            .arg(&recipe.suite)
            .arg(self.folder.join("root.tar"));
        if is_root() {
            // The root of a namespace is another user, who cannot read this folder.
            command.env("TMPDIR", self.folder);
        }
        command
    }

    fn make_root(&self) -> Command {
        let mut command = as_root("sh");
        command
            .args(["-c", include_str!("make_root.sh"), "make_root.sh"])
            .arg(self.recipe.root_size_mib.to_string())
            .args(&self.recipe.masked_units)
            .current_dir(self.folder);
        command
    }

    /// Runs a step to its end, and reports each line of its standard error.
    fn run(
        &self,
        step: &str,
        mut command: Command,
        tell: &mut dyn FnMut(&str),
    ) -> Result<(), ImageError> {
        tell(step);
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin")).env("LC_ALL", "C.UTF-8");
        let mut last_lines = VecDeque::new();
        let mut report = |line: &str| {
            tell(line);
            if last_lines.len() == LINES_SHOWN {
                last_lines.pop_front();
            }
            last_lines.push_back(line.to_owned());
        };
        let is_cancelled = || self.interrupt.is_set();
        let result = Program::new(&mut command, BUILD_LIMIT)
            .grace(END_LIMIT)
            .stdout(Capture::Discard)
            .stderr(Capture::Tail)
            .cancel_if(&is_cancelled)
            .on_stderr_line(&mut report)
            .run();
        let status = match result {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => output.status.to_string(),
            Err(ProgramError::Cancelled { .. }) => return Err(ImageError::Interrupted),
            Err(error) => error.to_string(),
        };
        let output = Vec::from(last_lines).join("\n");
        Err(ImageError::Step { step: step.into(), status, output })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn suite_of_a_recipe_can_be_no_option_of_mmdebstrap() {
        let (recipe, interrupt) = (Recipe::debian().unwrap(), Interrupt::new());
        let folder = Path::new("images");
        let command = Build { recipe: &recipe, folder, interrupt: &interrupt }.mmdebstrap();
        let arguments: Vec<_> = command.get_args().filter_map(|text| text.to_str()).collect();
        assert!(arguments.ends_with(&["--", "bookworm", "images/root.tar"]), "{arguments:?}");
    }
}
