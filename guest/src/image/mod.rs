//! Images of guests: what is in one, how it is made, and where it is kept. Knows nothing of how a guest is run.

mod boot_image;
mod build;
mod cache;
mod recipe;
mod seed;

#[cfg(test)]
pub(crate) use boot_image::DiskFormat;
pub(crate) use boot_image::{BootImage, ImageFiles};
pub use build::{ImageError, build_image};
pub(crate) use build::{is_installed, missing_programs};
pub use cache::{Image, find_image};
pub(crate) use cache::{cache_folder, images_folder};
pub use recipe::Recipe;
pub(crate) use seed::Seed;
