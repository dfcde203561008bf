//! Pages that describe files say what the code does.

#[test]
fn the_page_of_artefacts_is_what_the_types_render() {
    let path = hpa_tests::workspace().join("docs/artifacts.md");
    let page = std::fs::read_to_string(&path).expect("docs/artifacts.md is there");
    let (head, _) = page.split_once("<!-- generated below -->\n").expect("it has the mark");
    let expected = format!("{head}<!-- generated below -->\n\n{}", hpa_artifacts::schema_tables());
    if std::env::var_os("UPDATE").is_some() {
        hpa_artifacts::atomic::write_bytes(&path, expected.as_bytes()).expect("docs is writable");
        return;
    }
    assert_eq!(page, expected, "run `UPDATE=1 cargo test --release -p hpa-tests --test contracts`");
}

#[test]
fn every_program_has_help_with_an_example_and_a_version() {
    for name in PROGRAMS {
        let program = hpa_tests::program(name);
        let ask = |flag| {
            let mut command = std::process::Command::new(&program);
            command.arg(flag);
            hpa_tests::said(command)
        };
        let help = ask("--help");
        assert!(help.contains("Example:\n  ") && help.contains("--config"), "{name}: {help}");
        assert!(ask("--version").starts_with(name), "{name}");
    }
}

const PROGRAMS: [&str; 13] = [
    "hpa-synth",
    "hpa-preprocess",
    "hpa-statistics",
    "hpa-labels",
    "hpa-split",
    "hpa-train",
    "hpa-predict",
    "hpa-threshold",
    "hpa-ensemble",
    "hpa-submit",
    "hpa-score",
    "hpa-import",
    "hpa-report",
];
