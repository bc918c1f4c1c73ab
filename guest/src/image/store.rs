//! Where images are kept: one folder for each recipe's hash, either complete or absent.

use super::error::ImageError;
use super::files::{read, read_host_key};
use super::recipe::Recipe;
use crate::cache_folder::{NoCacheFolder, cache_folder};
use russh::keys::ssh_key::PublicKey;
use std::path::PathBuf;

/// An image: the files from which any number of guests boot. No guest ever writes to them.
#[derive(Clone, Debug)]
pub struct Image {
    /// The root file system, raw.
    pub root: PathBuf,
    /// The kernel.
    pub kernel: PathBuf,
    /// The initial RAM file system.
    pub initrd: PathBuf,
    folder: PathBuf,
}

/// The image of a recipe.
///
/// # Errors
/// If it has not been built.
pub(crate) fn find_image(recipe: &Recipe) -> Result<Image, ImageError> {
    let image = Image::locate(recipe)?;
    if image.folder.is_dir() { Ok(image) } else { Err(ImageError::NotBuilt) }
}

impl Image {
    /// The image of a recipe, which may not have been built yet.
    ///
    /// # Errors
    /// If there is no folder for images.
    pub(super) fn locate(recipe: &Recipe) -> Result<Self, ImageError> {
        let folder = images_folder()?.join(&recipe.hash);
        let file = |name: &str| folder.join(name);
        Ok(Self { root: file("root.img"), kernel: file("vmlinuz"), initrd: file("initrd"), folder })
    }

    /// The guest's host key, and the client key that it accepts, in OpenSSH's format.
    pub(super) fn keys(&self) -> Result<(PublicKey, String), ImageError> {
        Ok((
            read_host_key(&self.folder.join("host_key.pub"))?,
            read(&self.folder.join("client_key"))?,
        ))
    }
}

pub(crate) fn images_folder() -> Result<PathBuf, NoCacheFolder> {
    cache_folder("images")
}
