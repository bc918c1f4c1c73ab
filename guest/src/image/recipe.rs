//! What goes into an image: a file that people edit.

use super::error::ImageError;
use serde::Deserialize;
use sevbench_text::one_line;
use sha2::{Digest, Sha256};

/// The recipe that comes with this package.
const DEBIAN_12: &str = include_str!("debian-12.toml");

/// Raised whenever the same recipe would give a different image.
const BUILDER_VERSION: u32 = 3;

/// What goes into an image.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Debian's name of the release.
    pub suite: String,
    /// Parts of the archive.
    pub components: Vec<String>,
    /// Size of the root file system.
    pub root_size_mib: u32,
    /// Packages, in addition to the essential ones.
    pub packages: Vec<String>,
    /// Modules of the initrd.
    pub initramfs_modules: Vec<String>,
    /// Units of systemd that must not run.
    pub masked_units: Vec<String>,
    /// The image's name: a hash of the recipe's text and the builder's version.
    #[serde(skip)]
    pub hash: String,
}

impl Recipe {
    /// The Debian guest in which the suites are measured.
    ///
    /// # Errors
    /// If the recipe that comes with this package is not valid.
    pub fn debian() -> Result<Self, ImageError> {
        Self::parse(DEBIAN_12)
    }

    /// Parses a recipe.
    ///
    /// # Errors
    /// If it is not valid; the message names the line.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        let mut recipe: Self =
            toml::from_str(text).map_err(|error| ImageError::Recipe(error.to_string()))?;
        recipe.check().map_err(ImageError::Recipe)?;
        let digest =
            Sha256::new().chain_update(BUILDER_VERSION.to_le_bytes()).chain_update(text).finalize();
        recipe.hash = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Ok(recipe)
    }

    /// Checks every text of it: each becomes a part of a command line, a path or a script.
    fn check(&self) -> Result<(), String> {
        let lists = [
            ("suite", std::slice::from_ref(&self.suite), "._-/"),
            ("components", &self.components, "._-/"),
            ("packages", &self.packages, "+._-:=~/"),
            ("initramfs_modules", &self.initramfs_modules, "_-"),
            ("masked_units", &self.masked_units, "@._-:"),
        ];
        for (key, texts, others) in lists {
            let is_valid = |text: &&String| {
                text.starts_with(|first: char| first.is_ascii_alphanumeric())
                    && text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
            };
            if let Some(text) = texts.iter().find(|text| !is_valid(text)) {
                return Err(format!(
                    "{key}: `{}` is not valid: begin with a letter or digit, then use those and \
                     {others}",
                    one_line(text)
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]
    use super::*;

    #[test]
    fn any_change_to_a_recipe_names_another_image() {
        let recipe = Recipe::debian().unwrap();
        assert!(recipe.packages.contains(&"openssh-server".into()));
        let changed = Recipe::parse(&DEBIAN_12.replace("\"lz4\",", "\"lz4\", \"zstd\",")).unwrap();
        assert_ne!(recipe.hash, changed.hash);
        assert_eq!(recipe.hash, Recipe::debian().unwrap().hash);
    }

    #[test]
    fn text_that_could_run_or_reach_elsewhere_is_refused() {
        for (from, to) in [
            ("\"bookworm\"", "\"--hook-dir=/tmp/x\""),
            ("[\"main\"]", "[\"main\\u001b[2J\"]"),
            ("\"lz4\",", "\"lz4,/tmp/x.deb\","),
            ("\"virtio_pci\"", "\"x' ; touch /tmp/owned; '\""),
            ("\"virtio_pci\"", "\"\""),
            ("\"fstrim.timer\"", "\"../../../../tmp/x\""),
        ] {
            let text = DEBIAN_12.replacen(from, to, 1);
            assert_ne!(text, DEBIAN_12, "{from}");
            let error = Recipe::parse(&text).unwrap_err().to_string();
            assert!(error.contains("is not valid") && !error.contains('\u{1b}'), "{to}: {error}");
        }
    }

    #[test]
    fn unknown_key_is_named_with_its_line() {
        let error = Recipe::parse(&format!("sweet = 1\n{DEBIAN_12}")).unwrap_err().to_string();
        assert!(error.contains("sweet") && error.contains("line 1"), "{error}");
    }
}
