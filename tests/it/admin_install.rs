//! Completions and man pages of the operator's tool, which need neither a table nor credentials.

use std::process::Output;

use tokio::process::Command;

use crate::admin::{File, text};

async fn admin(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_past-rooms-admin"));
    command.args(arguments).env_clear().output().await.expect("it runs")
}

const COMMANDS: [&str; 9] =
    ["list", "show", "import", "export", "tally", "duplicates", "delete", "retention", "history"];

#[tokio::test]
async fn completions_have_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = admin(&["completions", shell]).await;
        assert!(output.status.success(), "{}", text(&output.stderr));
        let script = text(&output.stdout);
        for command in COMMANDS {
            assert!(script.contains(command), "{shell}: {command}");
        }
    }
    assert_eq!(admin(&["completions", "sh"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn man_writes_a_page_for_every_command() {
    let file = File::new("empty", "");
    let folder = file.beside("man/man1");
    let output = admin(&["man", &folder]).await;
    assert!(output.status.success(), "{}", text(&output.stderr));
    for command in COMMANDS {
        let page = std::fs::read_to_string(format!("{folder}/past-rooms-admin-{command}.1"));
        assert!(page.expect("a page").contains(".TH"), "{command}");
    }
    let output = admin(&["man", file.path()]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains(file.path()), "{}", text(&output.stderr));
}
