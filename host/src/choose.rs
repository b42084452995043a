//! Which plugin of a file is meant.

use std::path::Path;

use audio::device::{DeviceError, DeviceInfo};

/// The index of the one plugin that is meant by `id`: an id that `is_id` recognises, or a name that no two share.
pub(crate) fn choose(
    offers: &[&DeviceInfo],
    id: Option<&str>,
    is_id: impl Fn(&DeviceInfo, &str) -> bool,
) -> Result<usize, String> {
    let all = || offers.iter().map(|info| format!("{} (\"{}\")", info.id, info.name)).collect::<Vec<_>>().join(", ");
    let Some(id) = id else {
        return match offers {
            [] => Err("the file offers no plugin".into()),
            [_] => Ok(0),
            _ => Err(format!("the file holds {} plugins; name one by its id: {}", offers.len(), all())),
        };
    };
    if let Some(index) = offers.iter().position(|info| is_id(info, id)) {
        return Ok(index);
    }
    let named: Vec<usize> = (0..offers.len()).filter(|&index| offers[index].name == id).collect();
    match named[..] {
        [only] => Ok(only),
        [] => Err(format!("the file holds no plugin with that id or name. It holds: {}", all())),
        _ => {
            let ids: Vec<&str> = named.iter().map(|&index| offers[index].id.as_str()).collect();
            Err(format!("several plugins have that name; use the id of one: {}", ids.join(", ")))
        }
    }
}

/// The error for a plugin that cannot be brought to life.
pub(crate) fn refusal(format: &str, path: &Path, what: Option<&str>, reason: String) -> DeviceError {
    let device = match what {
        Some(what) => format!("\"{what}\" ({format}) from {}", path.display()),
        None => format!("{} ({format})", path.display()),
    };
    DeviceError::Load { device, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(id: &str, name: &str) -> DeviceInfo {
        let word = str::to_owned;
        DeviceInfo {
            format: word("clap"),
            id: word(id),
            name: word(name),
            vendor: word(""),
            version: word(""),
            instrument: false,
        }
    }

    fn chosen(offers: &[DeviceInfo], id: Option<&str>) -> Result<usize, String> {
        choose(&offers.iter().collect::<Vec<_>>(), id, |info, id| info.id == id)
    }

    #[test]
    fn a_plugin_is_chosen_by_id_before_name() {
        let offers = [info("a", "b"), info("b", "a")];
        assert_eq!(chosen(&offers, Some("a")), Ok(0));
        assert_eq!(chosen(&offers[..1], Some("b")), Ok(0));
        assert_eq!(chosen(&offers[..1], None), Ok(0));
    }

    #[test]
    fn an_unclear_choice_names_what_there_is() {
        let offers = [info("x.1", "Same"), info("x.2", "Same")];
        let reason = chosen(&offers, Some("Same")).unwrap_err();
        assert_eq!(reason, "several plugins have that name; use the id of one: x.1, x.2");
        let reason = chosen(&offers, None).unwrap_err();
        assert_eq!(reason, "the file holds 2 plugins; name one by its id: x.1 (\"Same\"), x.2 (\"Same\")");
        let reason = chosen(&offers[..1], Some("y")).unwrap_err();
        assert_eq!(reason, "the file holds no plugin with that id or name. It holds: x.1 (\"Same\")");
    }
}
