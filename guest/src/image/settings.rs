//! What a user sets about the image that guests boot.

use super::error::ImageError;
use super::recipe::Recipe;
use crate::trusted_file::GuardedText;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What guests boot: an image built from a recipe, or the user's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSettings {
    /// A recipe for `cargo sevbench guest build`; `None` for the built-in one.
    pub recipe: Option<PathBuf>,
    /// The user's own disk image, raw or qcow2. It is never written to.
    pub disk: Option<PathBuf>,
    /// A kernel to boot; `None` for the disk's own boot loader.
    pub kernel: Option<PathBuf>,
    /// The kernel's initrd.
    pub initrd: Option<PathBuf>,
    /// The kernel's root, as in `/dev/vda1` or `LABEL=cloudimg-rootfs`.
    pub root: Option<String>,
    /// The account that SSH logs in to; `root` by default.
    pub user: Option<String>,
    /// The private key that the account accepts; `None` if the disk runs cloud-init, which then
    /// installs a fresh one.
    pub key: Option<PathBuf>,
    /// The public host key of the disk's SSH server, which goes with `key`.
    pub host_key: Option<PathBuf>,
}

impl ImageSettings {
    /// The recipe that these settings name.
    ///
    /// # Errors
    /// If its file cannot be read or is not a valid recipe.
    pub fn recipe(&self) -> Result<Recipe, ImageError> {
        match &self.recipe {
            None => Recipe::debian(),
            Some(path) => {
                let GuardedText { text, distrust } = GuardedText::read(path)
                    .map_err(|source| ImageError::File { path: path.clone(), source })?;
                match distrust {
                    None => Recipe::parse(&text),
                    Some(distrust) => Err(distrust.into()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn recipe_that_others_can_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("recipe.toml");
        fs::write(&path, include_str!("debian-12.toml")).unwrap();
        let settings = ImageSettings { recipe: Some(path.clone()), ..ImageSettings::default() };
        settings.recipe().unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
        let said = settings.recipe().unwrap_err().to_string();
        assert!(said.contains(&format!("type `chmod go-w {}`", path.display())), "{said}");
    }
}
