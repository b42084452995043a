//! Files that are drawn from pools.

use super::*;

fn file(name: &str, metadata: &[(&str, Datum)], broken: Option<&str>) -> PoolFile {
    let metadata = metadata.iter().map(|(name, datum)| ((*name).to_owned(), datum.clone())).collect();
    PoolFile { path: Path::new("presets").join(name), metadata, broken: broken.map(str::to_owned) }
}

fn filled(pool: &str, files: &[PoolFile]) -> Result<(ToneTemplate, Vec<String>), String> {
    let mut template = chain(&format!("- {{ nam: {pool} }}"));
    let collector = Collector::new();
    let warnings = template.fill(1, &mut |_| files.to_vec(), &collector);
    collector.finish(Some((template, warnings))).map_err(|mistakes| mistakes.to_string())
}

fn kept(template: &ToneTemplate) -> Vec<String> {
    let file = |file: &PoolFile| file.path.strip_prefix("presets").unwrap().display().to_string();
    template.pools()[0].files.iter().map(file).collect()
}

#[test]
fn a_pool_gives_each_of_its_files_and_the_first_to_be_examined() {
    let files = [file("nam/b.nam", &[], None), file("nam/a.nam", &[], None), file("nam/c.nam", &[], None)];
    let (template, warnings) = filled("{ pool: 'nam/*.nam' }", &files).unwrap();
    assert!(warnings.is_empty());
    assert_eq!(kept(&template), ["nam/a.nam", "nam/b.nam", "nam/c.nam"]);
    assert_eq!(template.devices()[0].device.setup.assets["model"], Asset::File("presets/nam/a.nam".into()));
    let seen: std::collections::BTreeSet<String> = (0..60)
        .map(|draw| {
            let resolved = at(&template, "x", draw);
            let DrawnValue::Text(drawn) = &template.drawn(&resolved)[0].value else { panic!("a file is drawn") };
            assert_eq!(words(&resolved), [format!("nam:presets/{drawn}")]);
            drawn.clone()
        })
        .collect();
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), kept(&template));
}

#[test]
fn the_order_of_a_listing_does_not_matter() {
    let mut files: Vec<PoolFile> = (0..40).map(|n| file(&format!("nam/{n}.nam"), &[], None)).collect();
    let (first, _) = filled("{ pool: 'nam/*.nam', count: 12 }", &files).unwrap();
    files.reverse();
    let (second, _) = filled("{ pool: 'nam/*.nam', count: 12 }", &files).unwrap();
    assert_eq!(first, second);
    assert_eq!(kept(&first).len(), 12);
    // One file more replaces one other at most.
    files.push(file("nam/new.nam", &[], None));
    let (third, _) = filled("{ pool: 'nam/*.nam', count: 12 }", &files).unwrap();
    assert!(kept(&third).iter().filter(|name| !kept(&first).contains(name)).count() <= 1);
}

#[test]
fn a_filter_keeps_the_files_that_are_known_to_pass() {
    let files = [
        file("nam/a.nam", &[("gear", "amp".into()), ("gain", 3.0.into())], None),
        file("nam/b.nam", &[("gear", "pedal".into()), ("gain", 9.0.into())], None),
        file("nam/c.nam", &[("gear", "amp".into()), ("gain", 8.0.into())], None),
        file("nam/d.nam", &[], None),
    ];
    let (template, _) = filled("{ pool: 'nam/*.nam', where: { gear: amp, gain: { above: 5 } } }", &files).unwrap();
    assert_eq!(kept(&template), ["nam/c.nam"]);
    assert_eq!(
        filled("{ pool: 'nam/*.nam', where: { gear: cab } }", &files).unwrap_err(),
        "presets/tone.yaml:3:18: \"nam/*.nam\" finds 4 files, and none passes the filter. Change what where asks for."
    );
}

#[test]
fn a_broken_file_is_named_and_refused_or_skipped() {
    let files = [file("nam/a.nam", &[], None), file("nam/b.nam", &[], Some("it ends too early"))];
    assert_eq!(
        filled("{ pool: 'nam/*.nam' }", &files).unwrap_err(),
        "presets/tone.yaml:3:18: presets/nam/b.nam cannot be drawn from: it ends too early. Remove the file, or write broken: skip beside the pool."
    );
    let (template, warnings) = filled("{ pool: 'nam/*.nam', broken: skip }", &files).unwrap();
    assert_eq!(kept(&template), ["nam/a.nam"]);
    assert_eq!(warnings, ["presets/tone.yaml:3:18: presets/nam/b.nam is left out of the pool: it ends too early"]);
    assert_eq!(
        filled("{ pool: 'nam/*.nam', broken: skip }", &files[1..]).unwrap_err(),
        "presets/tone.yaml:3:18: \"nam/*.nam\" finds 1 files, and none of them can be used. Put others there, or name another pattern."
    );
}

#[test]
fn an_empty_pool_and_a_count_that_is_too_large_are_mistakes() {
    assert_eq!(
        filled("{ pool: 'nam/*.nam' }", &[]).unwrap_err(),
        "presets/tone.yaml:3:18: \"nam/*.nam\" finds no file to draw from. Patterns start at this file's folder."
    );
    assert_eq!(
        filled("{ pool: 'nam/*.nam', count: 2 }", &[file("nam/a.nam", &[], None)]).unwrap_err(),
        "presets/tone.yaml:3:18: count = 2 is more than the 1 files that \"nam/*.nam\" finds. Write a smaller count."
    );
    let unfilled = chain("- { nam: { pool: 'nam/*.nam' } }");
    let refused = of(&unfilled, &[], 0).unwrap_err().to_string();
    assert_eq!(
        refused,
        "presets/tone.yaml:3:10: the pool of model has no files. Put files there that its pattern finds."
    );
}

#[test]
fn states_presets_and_files_of_plugins_are_drawn_and_a_grid_walks_through_a_pool() {
    let mut template = chain(
        "- { vst3: X, state: { choice: [a.bin, b.bin] }, preset: { pool: '*.vstpreset' } }\n- { lv2: 'urn:x', files: { SF: { grid: { pool: '*.sf2' } } } }\n- { cabinet: { choice: ['embedded:cabinet-4x12', c.wav] } }",
    );
    assert_eq!(template.combinations(), 0);
    let collector = Collector::new();
    let mut list = |pool: &Pool| {
        let end = pool.pattern.trim_start_matches('*').to_owned();
        (0..3).map(|n| file(&format!("{n}{end}"), &[], None)).collect()
    };
    template.fill(0, &mut list, &collector);
    assert!(collector.is_empty());
    assert_eq!(template.combinations(), 3);
    assert_eq!(template.devices()[0].device.setup.state.as_deref(), Some(Path::new("presets/a.bin")));
    for draw in 0..12 {
        let resolved = at(&template, "x", draw);
        let devices = crate::devices(&resolved.chain);
        let state = devices[0].state.as_deref().unwrap();
        assert!([Path::new("presets/a.bin"), Path::new("presets/b.bin")].contains(&state));
        assert_eq!(devices[0].preset.as_ref().unwrap().extension().unwrap(), "vstpreset");
        assert_eq!(devices[1].assets["SF"], Asset::File(format!("presets/{}.sf2", draw % 3).into()));
        let cabinet = [Asset::Embedded("cabinet-4x12".into()), Asset::File("presets/c.wav".into())];
        assert!(cabinet.contains(&devices[2].assets["ir"]));
    }
}
