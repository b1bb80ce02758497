//! Requests and answers, noted in the file that `EXCHANGES` names, if it names one:
//! `tests/e2e/test_openapi.py` compares them with docs/openapi.yaml.

use std::fs::OpenOptions;
use std::io::Write as _;

use lambda_http::{Request, RequestExt};
use serde_json::{Value, json};

/// A request whose answer is to be noted.
pub struct Exchange(Option<Value>);

impl Exchange {
    pub fn of(request: &Request) -> Self {
        let path = Some(request.raw_http_path()).filter(|path| !path.is_empty());
        let note = || {
            json!({
                "method": request.method().as_str(),
                "path": path.unwrap_or(request.uri().path()),
                "request": serde_json::from_slice::<Value>(request.body().as_ref()).ok(),
            })
        };
        Exchange(std::env::var_os("EXCHANGES").map(|_| note()))
    }

    pub fn answered(self, status: u16, body: &Value) {
        let (Some(mut note), Some(path)) = (self.0, std::env::var_os("EXCHANGES")) else { return };
        note["status"] = status.into();
        note["answer"] = body.clone();
        let file = OpenOptions::new().create(true).append(true).open(path);
        // In one piece, because tests run at the same time.
        let line = format!("{note}\n");
        file.expect("the file").write_all(line.as_bytes()).expect("written");
    }
}
