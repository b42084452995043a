//! CLAP hosting.
//!
//! The story in order: `binary` finds the shared object behind a path and checks what it is built for; `library`
//! opens it once and for all and reads what it offers; `callbacks` is the host as the plugin sees it; `extension`
//! collects what the plugin supports; `device` is the main-thread half with its `ports`, `parameters` and `pump`, and
//! `processor` the other, with its `events`.
//!
//! Nothing is ever unloaded: several plugins crash when their library goes and comes back, so a process that has loaded
//! a plugin keeps its library to the end.

use std::path::{Path, PathBuf};

use audio::Device;
use audio::device::{DeviceError, DeviceInfo};

mod binary;
mod callbacks;
mod device;
mod events;
mod extension;
mod library;
mod parameters;
mod ports;
mod processor;
mod pump;

use library::{Library, Offer};

/// Lists the plugins in a file, or in a directory that is one, without making an instance of any.
///
/// Loading a library runs its initialisers, so even this can crash.
pub fn list(path: &Path) -> Result<Vec<DeviceInfo>, DeviceError> {
    let library = Library::open(path).map_err(|reason| refusal(path, None, reason))?;
    Ok(library.offers.iter().map(|offer| offer.info.clone()).collect())
}

/// Brings a plugin to life, ready to take state and parameters.
///
/// `id` is the plugin's id, or its name where no two of the file share it; it may be left out where the file holds one
/// plugin. The calling thread becomes the plugin's main thread.
pub fn load(path: &Path, id: Option<&str>) -> Result<Box<dyn Device>, DeviceError> {
    let refuse = |reason| refusal(path, id, reason);
    let library = Library::open(path).map_err(refuse)?;
    let offer = choose(&library.offers, id).map_err(refuse)?;
    let device =
        device::ClapDevice::new(&library, offer).map_err(|reason| refusal(path, Some(&offer.info.name), reason))?;
    Ok(Box::new(device))
}

/// The one plugin that is meant.
fn choose<'a>(offers: &'a [Offer], id: Option<&str>) -> Result<&'a Offer, String> {
    let all = || offers.iter().map(Offer::label).collect::<Vec<_>>().join(", ");
    let Some(id) = id else {
        return match offers {
            [] => Err("the file offers no plugin".into()),
            [only] => Ok(only),
            _ => Err(format!("the file holds {} plugins; name one by its id: {}", offers.len(), all())),
        };
    };
    if let Some(offer) = offers.iter().find(|offer| offer.info.id == id) {
        return Ok(offer);
    }
    let named: Vec<&Offer> = offers.iter().filter(|offer| offer.info.name == id).collect();
    match named[..] {
        [only] => Ok(only),
        [] => Err(format!("the file holds no plugin with that id or name. It holds: {}", all())),
        _ => {
            let ids: Vec<&str> = named.iter().map(|offer| offer.info.id.as_str()).collect();
            Err(format!("several plugins have that name; use the id of one: {}", ids.join(", ")))
        }
    }
}

fn refusal(path: &Path, what: Option<&str>, reason: String) -> DeviceError {
    let path: PathBuf = path.into();
    let device = match what {
        Some(what) => format!("\"{what}\" (clap) from {}", path.display()),
        None => format!("{} (clap)", path.display()),
    };
    DeviceError::Load { device, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(id: &str, name: &str) -> Offer {
        Offer::for_test(id, name)
    }

    #[test]
    fn a_plugin_is_chosen_by_id_before_name() {
        let offers = [offer("a", "b"), offer("b", "a")];
        assert_eq!(choose(&offers, Some("a")).unwrap().info.name, "b");
        assert_eq!(choose(&offers[..1], Some("b")).unwrap().info.id, "a");
        assert_eq!(choose(&offers[..1], None).unwrap().info.id, "a");
    }

    #[test]
    fn an_unclear_choice_names_what_there_is() {
        let offers = [offer("x.1", "Same"), offer("x.2", "Same")];
        let reason = choose(&offers, Some("Same")).err().unwrap();
        assert_eq!(reason, "several plugins have that name; use the id of one: x.1, x.2");
        let reason = choose(&offers, None).err().unwrap();
        assert_eq!(reason, "the file holds 2 plugins; name one by its id: x.1 (\"Same\"), x.2 (\"Same\")");
        let reason = choose(&offers[..1], Some("y")).err().unwrap();
        assert_eq!(reason, "the file holds no plugin with that id or name. It holds: x.1 (\"Same\")");
    }
}
