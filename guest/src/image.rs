//! Images of guests: what is in one, how it is built, and where it is kept. Knows nothing about how
//! a guest is run.

mod boot_image;
mod build;
mod error;
mod files;
mod recipe;
mod seed;
mod settings;
mod store;

#[cfg(test)]
pub(crate) use boot_image::DiskFormat;
pub(crate) use boot_image::{BootImage, ImageFiles};
pub use build::build_image;
pub(crate) use build::missing_programs;
pub use error::ImageError;
pub use recipe::Recipe;
pub(crate) use seed::Seed;
pub use settings::ImageSettings;
pub use store::Image;
pub(crate) use store::{find_image, images_folder};
