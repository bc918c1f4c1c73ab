//! What a guest boots: an image built from a recipe, or the user's own. No guest ever writes to it.

use super::error::ImageError;
use super::files::{check_trust, first_bytes, read, read_host_key};
use super::seed::Seed;
use super::settings::ImageSettings;
use super::store::{Image, find_image};
use russh::keys::ssh_key::PublicKey;
use std::path::{Path, PathBuf};

/// The account of images built from recipes.
const ROOT_USER: &str = "root";
/// The kernel's name for the root file system of such an image.
const RECIPE_ROOT: &str = "LABEL=sevbench-root";
/// The first bytes of a qcow2 file.
const QCOW2_MAGIC: &[u8] = b"QFI\xfb";
/// Where a Linux kernel for x86 has its magic number, and the number (Linux'
/// Documentation/arch/x86/boot.rst).
const KERNEL_MARK_START: usize = 0x202;
const KERNEL_MARK: &[u8] = b"HdrS";

/// An image, ready to boot.
#[derive(Debug)]
pub(crate) struct BootImage {
    pub(crate) files: ImageFiles,
    pub(crate) user: String,
    /// The guest's host key.
    pub(crate) host_key: PublicKey,
    /// The client key that the guest accepts, in OpenSSH's format.
    pub(crate) client_key: String,
    /// The seed with which cloud-init installs the keys, if it does.
    pub(crate) seed: Option<Seed>,
}

/// The files of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ImageFiles {
    pub(crate) root: PathBuf,
    pub(crate) format: DiskFormat,
    /// None if the disk's boot loader starts the kernel.
    pub(crate) kernel: Option<PathBuf>,
    pub(crate) initrd: Option<PathBuf>,
    /// The kernel's name for the root file system.
    pub(crate) kernel_root: String,
    /// A description for people.
    pub(crate) name: String,
}

/// The format of a disk's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskFormat {
    Raw,
    Qcow2,
}

impl DiskFormat {
    /// QEMU's name for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }
}

impl ImageFiles {
    /// The files that the settings name. Those of a recipe may not have been built yet.
    ///
    /// # Errors
    /// If the recipe or the start of the user's disk cannot be read.
    pub(crate) fn locate(settings: &ImageSettings) -> Result<Self, ImageError> {
        let Some(disk) = &settings.disk else {
            let recipe = settings.recipe()?;
            let image = Image::locate(&recipe)?;
            return Ok(Self {
                root: image.root,
                format: DiskFormat::Raw,
                kernel: Some(image.kernel),
                initrd: Some(image.initrd),
                kernel_root: RECIPE_ROOT.into(),
                name: format!("Debian {}, recipe {}", recipe.suite, recipe.hash),
            });
        };
        Ok(Self {
            root: disk.clone(),
            format: disk_format(disk)?,
            kernel: settings.kernel.clone(),
            initrd: settings.initrd.clone(),
            kernel_root: settings.root.clone().unwrap_or_default(),
            name: disk.display().to_string(),
        })
    }
}

impl BootImage {
    /// Finds the image that the settings name, and makes fresh keys if cloud-init installs them.
    ///
    /// # Errors
    /// If a file is missing or of the wrong kind, or the image has not been built.
    pub(crate) fn find(settings: &ImageSettings) -> Result<Self, ImageError> {
        if settings.disk.is_some() {
            return Self::find_own(settings);
        }
        let image = find_image(&settings.recipe()?)?;
        let (host_key, client_key) = image.keys()?;
        let user = ROOT_USER.into();
        Ok(Self { files: ImageFiles::locate(settings)?, user, host_key, client_key, seed: None })
    }

    fn find_own(settings: &ImageSettings) -> Result<Self, ImageError> {
        let ImageSettings { disk, kernel, initrd, key, host_key, .. } = settings;
        for file in [disk, kernel, initrd, key, host_key].into_iter().flatten() {
            check_trust(file)?;
        }
        let user = settings.user.as_deref().unwrap_or(ROOT_USER);
        if let Some(kernel) = &settings.kernel {
            check_kernel(kernel)?;
        }
        if settings.kernel.is_some() != settings.root.is_some() {
            return Err(ImageError::KernelWithoutRoot);
        }
        let (client_key, host_key, seed) = match (&settings.key, &settings.host_key) {
            (Some(key), Some(host_key)) => (read(key)?, read_host_key(host_key)?, None),
            (None, None) => {
                let seed = Seed::make(user).map_err(|source| ImageError::Seed { source })?;
                (seed.client_key.clone(), seed.host_key.clone(), Some(seed))
            }
            _ => return Err(ImageError::OneKey),
        };
        let files = ImageFiles::locate(settings)?;
        Ok(Self { files, user: user.into(), host_key, client_key, seed })
    }
}

fn disk_format(path: &Path) -> Result<DiskFormat, ImageError> {
    let start = first_bytes(path, QCOW2_MAGIC.len() as u64)?;
    Ok(if start == QCOW2_MAGIC { DiskFormat::Qcow2 } else { DiskFormat::Raw })
}

/// A kernel for another architecture would print nothing on the console.
fn check_kernel(path: &Path) -> Result<(), ImageError> {
    let bytes = first_bytes(path, (KERNEL_MARK_START + KERNEL_MARK.len()) as u64)?;
    if bytes.get(KERNEL_MARK_START..) == Some(KERNEL_MARK) {
        return Ok(());
    }
    Err(ImageError::OtherKernel { path: path.into() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use crate::key::make_key_pair;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn own(folder: &Path) -> ImageSettings {
        let (disk, kernel) = (folder.join("disk.img"), folder.join("vmlinuz"));
        std::fs::write(&disk, b"QFI\xfb and more").unwrap();
        std::fs::write(&kernel, [&[0; KERNEL_MARK_START][..], KERNEL_MARK, &[0; 9]].concat())
            .unwrap();
        let root = Some("/dev/vda1".into());
        ImageSettings { disk: Some(disk), kernel: Some(kernel), root, ..ImageSettings::default() }
    }

    #[test]
    fn custom_image_gets_fresh_keys_through_cloud_init() {
        let folder = tempfile::tempdir().unwrap();
        let settings = own(folder.path());
        let image = BootImage::find(&settings).unwrap();
        assert_eq!((image.files.format, image.user.as_str()), (DiskFormat::Qcow2, "root"));
        let other = BootImage::find(&settings).unwrap();
        assert!(image.seed.is_some() && image.host_key != other.host_key);
    }

    #[test]
    fn image_that_others_can_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            Some(path)
        };
        let (private, public) = make_key_pair().unwrap();
        let settings = ImageSettings {
            initrd: file("initrd", "initrd"),
            key: file("key", &private),
            host_key: file("key.pub", &public),
            ..own(folder.path())
        };
        let ImageSettings { disk, kernel, initrd, key, host_key, .. } = &settings;
        for file in [disk, kernel, initrd, key, host_key].into_iter().flatten() {
            std::fs::set_permissions(file, Permissions::from_mode(0o666)).unwrap();
            let said = BootImage::find(&settings).unwrap_err().to_string();
            assert!(said.contains(&format!("type `chmod go-w {}`", file.display())), "{said}");
            std::fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
        BootImage::find(&settings).unwrap();
    }

    #[test]
    fn inconsistent_image_settings_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let refused = |change: &dyn Fn(&mut ImageSettings)| {
            let mut settings = own(folder.path());
            change(&mut settings);
            BootImage::find(&settings).unwrap_err().to_string()
        };
        assert!(refused(&|settings| settings.root = None).contains("root ="));
        let key = folder.path().join("key");
        std::fs::write(&key, "").unwrap();
        assert!(refused(&|settings| settings.key = Some(key.clone())).contains("host_key"));
        assert!(refused(&|settings| settings.disk = Some("/no/disk".into())).contains("/no/disk"));
        let arm = folder.path().join("Image");
        std::fs::write(&arm, [0; 4096]).unwrap();
        assert!(refused(&|settings| settings.kernel = Some(arm.clone())).contains("x86-64"));
    }
}
