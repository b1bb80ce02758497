//! The command line of the local run.

#[path = "../../examples/local/arguments.rs"]
mod arguments;

use arguments::Arguments;

fn read(listen: &str) -> Result<String, String> {
    let line = ["local", "--listen", listen].map(str::to_owned);
    Arguments::read(line).map(|read| read.listen.to_string()).map_err(|error| error.to_string())
}

#[test]
fn addresses_are_accepted_as_typed() {
    for (typed, address) in [
        ("9305", "127.0.0.1:9305"),
        (":9305", "127.0.0.1:9305"),
        ("0", "127.0.0.1:0"),
        ("localhost:9305", "127.0.0.1:9305"),
        ("127.0.0.1:9305", "127.0.0.1:9305"),
        ("0.0.0.0:9305", "0.0.0.0:9305"),
        ("[::1]:9305", "[::1]:9305"),
    ] {
        assert_eq!(read(typed).as_deref(), Ok(address), "{typed}");
    }
}

#[test]
fn argument_error_shows_an_example() {
    const EXAMPLE: &str = "tip: cargo run --example local -- --listen 9305";
    for typed in ["", "localhost", "127.0.0.1", "99999", "localhost:99999", "[::1]"] {
        let message = read(typed).expect_err(typed);
        assert!(message.contains(EXAMPLE), "{message}");
        assert!(
            message.contains("such as 9305 or localhost:9305") || typed.is_empty(),
            "{message}"
        );
    }
    for argument in ["--listn", "--listen", "--whole-history=maybe", "more"] {
        let line = ["local", argument].map(str::to_owned);
        let message = Arguments::read(line).expect_err(argument).to_string();
        assert!(message.contains(EXAMPLE), "{message}");
    }
    for typed in ["", "localhost"] {
        let line = ["local", "--dynamodb", typed].map(str::to_owned);
        let message = Arguments::read(line).expect_err(typed).to_string();
        assert!(message.contains("tip: cargo run --example local -- --dynamodb 8001"), "{message}");
    }
    let help = Arguments::read(["local", "--help"].map(str::to_owned)).expect_err("the help");
    assert!(!help.use_stderr() && !help.to_string().contains("tip:"));
}
