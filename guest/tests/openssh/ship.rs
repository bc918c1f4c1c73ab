//! Guests that cannot take the executable.

use crate::support::*;
use sevbench_guest::{DataFile, Executable, GuestError, Shipped, SshError};
use sevbench_testing::{Options, Skip, Sshd};
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small mounted file system, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(path: PathBuf, options: &str) -> Result<Self, Skip> {
        fs::create_dir(&path).unwrap();
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&path).output();
        match mount {
            Ok(output) if output.status.success() => Ok(Self(path)),
            _ => Err(Skip("cannot mount a tmpfs (needs root)".into())),
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

/// A guest that puts the executable into `sub` of a small file system.
macro_rules! guest_on {
    ($sshd:expr, $options:expr) => {
        match Mount::new($sshd.path("mount"), $options) {
            Ok(mount) => {
                let folder = mount.0.join("sub");
                (started(&$sshd.address(&format!("&dir={}", folder.display()))), mount, folder)
            }
            Err(skip) => return Err(skip),
        }
    };
}

pub(crate) fn no_room() -> CaseResult {
    let sshd = sshd!();
    let (mut guest, _mount, folder) = guest_on!(sshd, "size=1m");
    let error = guest.ship(&this()).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, GuestError::Ssh(SshError::Upload { .. })), "{message}");
    assert!(
        message.contains("No space left on device") && message.contains("?dir=PATH"),
        "{message}"
    );
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left there");
    Ok(())
}

pub(crate) fn no_execution() -> CaseResult {
    let sshd = sshd!();
    let (mut guest, mount, folder) = guest_on!(sshd, "size=500m,noexec");
    for _ in 0..2 {
        let error = guest.ship(&this()).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, GuestError::Ssh(SshError::CannotRun { .. })), "{message}");
        assert!(message.contains("noexec") && message.contains("?dir=PATH"), "{message}");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "nothing is left there");
    }
    let remount = |option: &str| {
        let status = Command::new("mount").args(["-o", option]).arg(&mount.0).status();
        assert!(status.unwrap().success());
    };
    remount("remount,exec");
    let shipped = guest.ship(&this()).unwrap();
    remount("remount,noexec");
    assert!(matches!(guest.ship(&this()), Err(GuestError::Ssh(SshError::CannotRun { .. }))));
    // The same problem, where the shell did not detect it.
    let mut process = guest.spawn(&shipped, &[ECHO]).unwrap();
    assert_eq!(process.read(&mut [0]).unwrap(), 0);
    let message = process.cannot_run().unwrap().to_string();
    assert!(message.contains("Permission denied") && message.contains("?dir=PATH"), "{message}");
    Ok(())
}

pub(crate) fn folder_not_private() -> CaseResult {
    let sshd = sshd!();
    let ship_to = |folder: &Path| {
        let mut guest = started(&sshd.address(&format!("&dir={}", folder.display())));
        guest.ship(&this())
    };
    let refuse = |folder: &Path, hint: &str| {
        let error = ship_to(folder).unwrap_err();
        let message = error.to_string();
        assert!(matches!(error, GuestError::Ssh(SshError::Directory { .. })), "{message}");
        assert!(message.contains(hint) && message.contains("?dir=PATH"), "{message}");
    };
    let open = sshd.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, Permissions::from_mode(0o755)).unwrap();
    refuse(&open, "is open to others (its mode is drwxr-xr-x");
    assert_eq!(mode(&open), 0o755, "it is not ours to change");
    let link = sshd.path("link");
    std::os::unix::fs::symlink(&open, &link).unwrap();
    refuse(&link, "is a symbolic link");
    fs::write(sshd.path("file"), "").unwrap();
    refuse(&sshd.path("file"), "File exists");
    refuse(Path::new("/proc/nonesuch"), "/proc/nonesuch");
    let odd = sshd.path("it's $HOME");
    assert!(ship_to(&odd).unwrap().uploaded);
    assert_eq!(mode(&odd), 0o700);
    if std::os::unix::fs::chown(&open, Some(65534), None).is_ok() {
        fs::set_permissions(&open, Permissions::from_mode(0o700)).unwrap();
        refuse(&open, "belongs to another account");
    }
    Ok(())
}

/// The default folder may have been made by a build of an image, with the user's usual mode.
pub(crate) fn open_default_folder() -> CaseResult {
    let sshd = sshd!();
    let folder = sshd.path("cache/sevbench");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
    assert!(started(&sshd.address("")).ship(&this()).unwrap().uploaded);
    assert_eq!(mode(&folder), 0o700);
    Ok(())
}

/// A data file is copied once, and again where its copy is not what it was.
pub(crate) fn data_file() -> CaseResult {
    let sshd = sshd!();
    let path = sshd.path("corpus");
    let content: Vec<u8> = (0..300_000_u32).map(|n| (n % 251) as u8).collect();
    fs::write(&path, &content).unwrap();
    let file = DataFile::read(&path).unwrap();
    let mut guest = started(&sshd.address(""));
    let first = guest.ship_file(&file).unwrap();
    let copy = Path::new(&first.path);
    assert_eq!((fs::read(copy).unwrap(), mode(copy)), (content.clone(), 0o400));
    assert_eq!(copy, sshd.path("cache/sevbench").join(&file.sha256));
    assert!(first.uploaded && !guest.ship_file(&file).unwrap().uploaded);
    fs::set_permissions(copy, Permissions::from_mode(0o600)).unwrap();
    fs::write(copy, vec![0; content.len()]).unwrap();
    assert!(guest.ship_file(&file).unwrap().uploaded);
    assert_eq!(fs::read(copy).unwrap(), content);
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    guest.ship_file(&DataFile::read(&path).unwrap()).unwrap();
    assert_eq!(mode(copy), 0o500);
    assert!(DataFile::read(&sshd.path("nonesuch")).is_err());
    let error = DataFile::read(Path::new("/dev/zero")).unwrap_err().to_string();
    assert_eq!(error, "it is not a regular file");
    Ok(())
}

pub(crate) fn dynamic_executable() -> CaseResult {
    let sshd = sshd!();
    let shell = Executable::read(Path::new("/bin/sh")).unwrap();
    let error = started(&sshd.address("")).ship(&shell).unwrap_err();
    assert!(matches!(error, GuestError::Ssh(SshError::Dynamic(_))));
    assert!(error.to_string().contains("cargo sevbench run --bench"), "{error}");
    Ok(())
}

pub(crate) fn stale_uploads() -> CaseResult {
    let sshd = sshd!();
    let folder = sshd.path("cache/sevbench");
    fs::create_dir_all(&folder).unwrap();
    fs::set_permissions(&folder, Permissions::from_mode(0o700)).unwrap();
    let (unused, recent) = ("a".repeat(64), "b".repeat(64));
    let names = [".upload-1", ".upload-2", "other", &unused, &recent];
    for name in names {
        fs::write(folder.join(name), "").unwrap();
    }
    for (name, age) in
        [(".upload-1", "2 days ago"), ("other", "9 days ago"), (&unused, "9 days ago")]
    {
        let touch = Command::new("touch").args(["-d", age]).arg(folder.join(name)).status();
        assert!(touch.unwrap().success());
    }
    assert!(started(&sshd.address("")).ship(&this()).unwrap().uploaded);
    let exists = names.map(|name| folder.join(name).exists());
    assert_eq!(
        exists,
        [false, true, true, false, true],
        "one that is young may be in progress or in use; others are not ours"
    );
    Ok(())
}

pub(crate) fn no_posix_shell() -> CaseResult {
    let sshd =
        sshd!(configuration: "ForceCommand echo This account is not available.; exit 1".into());
    let mut guest = started(&sshd.address(""));
    let error = guest.ship(&this()).unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, GuestError::Ssh(SshError::Shell { .. })), "{message}");
    assert!(
        message.contains("exit status 1, it said `This account is not available.`"),
        "{message}"
    );
    let shipped = Shipped { path: "/x".into(), uploaded: false };
    let Err(error) = guest.spawn(&shipped, &[]) else { panic!("it started") };
    assert!(matches!(error, GuestError::Ssh(SshError::NotStarted { .. })), "{error}");
    Ok(())
}
