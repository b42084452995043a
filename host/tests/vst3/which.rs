//! Which plugin of a file is meant, and what it is called.

use tonemill_fixtures::vst3::{bundle, class_id};
use tonemill_host::vst3::{list, load};

use crate::common::scratch::Scratch;
use crate::common::*;

#[test]
fn listing_a_file_makes_no_instance_and_names_every_plugin() {
    let found = list(&tonemill_fixtures::path()).unwrap();
    // Those that crash and hang when they are made are among them, and no controller is.
    for name in ["copy", "sine", "crash-in-initialize", "hang-in-initialize", "null-controller", "full-names"] {
        let of_name: Vec<_> = found.iter().filter(|info| info.id == class_id(name)).collect();
        assert_eq!(of_name.len(), 1, "{name} in {found:?}");
    }
    let sine = found.iter().find(|info| info.name == "Fixture Sine").unwrap();
    assert_eq!((sine.format.as_str(), sine.vendor.as_str(), sine.instrument), ("vst3", "tonemill", true));
    assert_eq!((&sine.version[..], &sine.id[..]), (env!("CARGO_PKG_VERSION"), &class_id("sine")[..]));
    let instruments: Vec<&str> = found.iter().filter(|info| info.instrument).map(|info| info.name.as_str()).collect();
    assert_eq!(instruments, ["Fixture Sine", "Fixture Multi Out"]);
}

#[test]
fn a_class_is_meant_by_its_id_however_it_is_written_or_by_its_name() {
    let path = tonemill_fixtures::path();
    let id = class_id("gain");
    let dashed = format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]);
    for written in [&id, &id.to_lowercase(), &dashed, &format!("{{{dashed}}}"), "Fixture Gain"] {
        assert_eq!(load(&path, Some(written)).unwrap().info().id, id, "{written}");
    }
}

#[test]
fn a_class_that_is_not_there_or_not_named_is_refused_with_those_there_are() {
    let path = tonemill_fixtures::path();
    let error = load(&path, None).err().unwrap().to_string();
    assert!(error.starts_with(&format!("cannot load {} (vst3): the file holds ", path.display())), "{error}");
    assert!(error.contains(&format!("{} (\"Fixture Gain\")", class_id("gain"))), "{error}");
    for missing in ["Fixture Gane", "0123456789ABCDEF0123456789ABCDEF"] {
        let error = load(&path, Some(missing)).err().unwrap().to_string();
        assert!(error.contains("no plugin with that id or name") && error.contains("Fixture Gain"), "{error}");
    }
}

#[test]
fn the_only_class_of_a_bundle_needs_no_name() {
    let scratch = Scratch::new("only");
    let path = bundle(&scratch.0, "gain");
    assert_eq!(list(&path).unwrap().len(), 1);
    assert_eq!(load(&path, None).unwrap().info().id, class_id("gain"));
    assert_eq!(load(&path, Some("Fixture Copy")).err().map(|e| e.to_string().contains("It holds: ")), Some(true));
}

#[test]
fn names_that_fill_all_their_room_or_are_no_utf_16_are_read_all_the_same() {
    let device = vst3("full-names");
    assert_eq!(device.info().name, "N".repeat(64));
    let full = "n".repeat(128);
    assert_eq!(device.ports().inputs[0].name, full);
    let parameters = device.parameters();
    assert_eq!((parameters.len(), &parameters[0].name), (2, &full));
    assert_eq!(device.text(parameters[0].id, 0.5).as_ref(), Some(&full));
    assert_eq!(device.parse(parameters[0].id, &"long".repeat(1000)), None);

    let device = vst3("broken-names");
    let broken = "a\u{fffd}b";
    assert_eq!(device.ports().outputs[0].name, broken);
    let parameters = device.parameters();
    assert_eq!((parameters.len(), parameters[1].name.as_str()), (2, broken));
    assert_eq!(device.text(parameters[1].id, 0.5).as_deref(), Some(broken));
}

#[test]
fn counts_that_cannot_be_are_not_believed() {
    let names = |fixture: &str| -> Vec<String> {
        vst3(fixture).parameters().into_iter().map(|parameter| parameter.name).collect()
    };
    assert!(names("negative-parameters").is_empty());
    assert_eq!(names("missing-parameters"), ["First", "Second"]);
    assert_eq!(names("secret-parameter"), ["Second"]);
    let error = try_vst3("huge-bus-count").err().unwrap().to_string();
    assert!(error.contains("\"Fixture Huge Bus Count\" (vst3)"), "{error}");
    assert!(error.contains("it claims to have 2147483647 busses of one direction, which cannot be"), "{error}");
}

#[test]
fn a_plugin_that_cannot_be_brought_to_life_says_why() {
    let error = try_vst3("initialize-fails").err().unwrap().to_string();
    assert!(error.starts_with("cannot load \"Fixture Initialize Fails\" (vst3) from "), "{error}");
    assert!(error.ends_with("the plugin failed to initialise. What it printed may say why"), "{error}");
    let error = try_vst3("null-controller").err().unwrap().to_string();
    assert!(error.contains("it names a controller, 746F6E656D696C6C"), "{error}");
    assert!(error.ends_with("that its library does not make"), "{error}");
}
