//! Finished renders as data sets that other tools read.
//!
//! The story in order: [`Settings`] say what is asked. [`gather()`] reads an output folder's manifest into a [`DataSet`] of
//! [`Entry`]s: pairs of wet and dry sounds with their tone, draw, metadata and licences, each in its [`split`], checked
//! for [`leak`]s. [`package`] writes it in one of the [`Layout`]s, with a card, whole or not at all.
//!
//! The same manifest lines in any order give the same bytes: entries stand in the order of their keys, and nothing tells
//! when or where a data set was made.

#[cfg(test)]
mod bench;
mod card;
mod entry;
mod error;
mod gather;
mod group;
mod layout;
pub mod leak;
pub mod licence;
mod line;
mod package;
mod settings;
mod shared;
pub mod split;
mod stage;
mod table;

pub use entry::{Asset, Attached, Devices, Entry, Measured, Sound};
pub use error::{Left, PackageError, Stale};
pub use gather::{DataSet, gather};
pub use package::{Summary, package};
pub use settings::{ByteSize, Layout, MetadataFormat, Settings, SizeError, TEMPLATE, UnusedSetting};
