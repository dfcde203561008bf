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
        assert!(help.contains("--config"), "{name}: {help}");
        let (_, example) = help.split_once("Example:\n").expect("every program has an example");
        assert_whole_command(name, example.trim_end());
        assert!(ask("--version").starts_with(name), "{name}");
    }
}

/// A command that a shell runs as it is pasted: each line but the last goes on.
fn assert_whole_command(name: &str, example: &str) {
    let lines: Vec<&str> = example.lines().map(str::trim).collect();
    assert!(lines[0].starts_with(name), "{name}: {example}");
    let (last, before) = lines.split_last().expect("it has a line");
    assert!(before.iter().all(|line| line.ends_with(" \\")), "{name}: {example}");
    assert!(!last.ends_with('\\') && lines.iter().all(|line| line.len() < 90), "{name}: {example}");
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
