//! The template and the code say the same: the table's keys, the function's variables and timeout, the routes, the
//! permissions. The template is read as what it is, YAML with CloudFormation's tags.

use std::collections::BTreeSet;
use std::path::Path;

use past_rooms::api::route;
use past_rooms::lambda::config::{
    ANSWERS, API_KEY, API_SECRET, CREDENTIALS_SECRET_ARN, Dialect, HISTORY_TABLE, RETENTION_DAYS,
    TABLE_NAME,
};
use past_rooms::table::schema::{BY_SID, PARTITION_KEY, ROOM_SID, SORT_KEY};
use past_rooms::webhook;
use yaml_rust2::{Yaml, YamlLoader};

pub fn template() -> Yaml {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml");
    let text = std::fs::read_to_string(path).expect("the template");
    // A tag such as !Ref stands before a value; without it the value is plain YAML.
    YamlLoader::load_from_str(&text).expect("YAML").remove(0)
}

pub fn properties(resource: &str) -> Yaml {
    template()["Resources"][resource]["Properties"].clone()
}

fn texts(list: &Yaml, field: &str) -> Vec<String> {
    let entries = list.as_vec().expect("a list").iter();
    entries.map(|entry| entry[field].as_str().expect("a text").to_owned()).collect()
}

#[test]
fn table_keys_are_those_of_the_schema() {
    let table = properties("Table");
    assert_eq!(texts(&table["KeySchema"], "AttributeName"), [PARTITION_KEY, SORT_KEY]);
    assert_eq!(texts(&table["KeySchema"], "KeyType"), ["HASH", "RANGE"]);
    let attributes = &table["AttributeDefinitions"];
    assert_eq!(texts(attributes, "AttributeName"), [PARTITION_KEY, SORT_KEY, ROOM_SID]);
    assert_eq!(texts(attributes, "AttributeType"), ["S", "S", "S"]);
    let indexes = &table["GlobalSecondaryIndexes"];
    assert_eq!(texts(indexes, "IndexName"), [BY_SID]);
    assert_eq!(texts(&indexes[0]["KeySchema"], "AttributeName"), [ROOM_SID]);
    assert_eq!(texts(&indexes[0]["KeySchema"], "KeyType"), ["HASH"]);
    assert_eq!(indexes[0]["Projection"]["ProjectionType"].as_str(), Some("KEYS_ONLY"));
    assert_eq!(table["BillingMode"].as_str(), Some("PAY_PER_REQUEST"));
}

/// Returns the names of a function's variables, with those that all functions share.
pub fn variables(function: &str) -> BTreeSet<String> {
    let shared = template()["Globals"]["Function"]["Environment"]["Variables"].clone();
    let own = properties(function)["Environment"]["Variables"].clone();
    let names = [shared, own].map(|variables| variables.into_hash().expect("variables"));
    names.into_iter().flatten().map(|(name, _)| name.into_string().expect("a name")).collect()
}

fn owned<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

#[test]
fn function_variables_are_those_it_reads() {
    let read = [
        TABLE_NAME,
        HISTORY_TABLE,
        CREDENTIALS_SECRET_ARN,
        API_KEY,
        API_SECRET,
        ANSWERS,
        "SSL_CERT_FILE",
        "AWS_ENDPOINT_URL_DYNAMODB",
    ];
    assert_eq!(variables("Function"), owned(read));
}

#[test]
fn sam_local_passes_all_variables() {
    let local = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("events/env.json"))
        .expect("env.json");
    let local: serde_json::Value = serde_json::from_slice(&local).expect("JSON");
    let template = template();
    let resources = template["Resources"].as_hash().expect("resources").iter();
    let functions = resources.filter_map(|(name, resource)| {
        let is_function = resource["Type"].as_str() == Some("AWS::Serverless::Function");
        is_function.then(|| name.as_str().expect("a name"))
    });
    let functions: BTreeSet<&str> = functions.collect();
    let named = local.as_object().expect("functions").keys();
    assert_eq!(named.map(String::as_str).collect::<BTreeSet<_>>(), functions);
    for name in functions {
        let given = local[name].as_object().expect("variables").keys();
        assert_eq!(given.cloned().collect::<BTreeSet<_>>(), variables(name), "{name}");
    }
}

#[test]
fn dialects_are_those_of_the_function() {
    let answers = &template()["Parameters"]["Answers"];
    let dialect = |name: &Yaml| name.as_str().and_then(|name| name.parse::<Dialect>().ok());
    assert_eq!(dialect(&answers["Default"]), Some(Dialect::default()));
    let allowed: Vec<_> = answers["AllowedValues"].as_vec().expect("values").iter().collect();
    let allowed: Vec<_> = allowed.into_iter().filter_map(dialect).collect();
    assert_eq!(allowed, [Dialect::Documented, Dialect::Plugnmeet]);
}

#[test]
fn function_configuration_has_no_key_pair() {
    for function in ["Function", "WebhookFunction"] {
        let variables = properties(function)["Environment"]["Variables"].clone();
        for name in [API_KEY, API_SECRET] {
            assert_eq!(variables[name].as_str(), Some(""), "{function}");
        }
    }
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml"));
    assert!(!text.expect("the template").contains("{{resolve:"));
}

#[test]
fn routes_are_the_endpoints_paths() {
    let function = properties("Function");
    let events = function["Events"].as_hash().expect("events").values();
    let (paths, any_other): (Vec<&Yaml>, Vec<&Yaml>) =
        events.map(|event| &event["Properties"]["Path"]).partition(|path| !path.is_badvalue());
    let paths: BTreeSet<&str> = paths.into_iter().filter_map(Yaml::as_str).collect();
    assert_eq!(paths, route::PATHS.into());
    assert_eq!(any_other.len(), 1, "one route for all other paths");
}

/// Returns what a role may do with the whole history off, and with what.
pub fn granted(role: &Yaml) -> Vec<(Vec<String>, String)> {
    granted_if(role, &[None, Some("Trace")])
}

/// Returns what a role may do under these conditions, and with what.
fn granted_if(role: &Yaml, conditions: &[Option<&str>]) -> Vec<(Vec<String>, String)> {
    let policies = role["Policies"].as_vec().expect("policies").iter();
    let statements = policies
        .flat_map(|policy| policy["PolicyDocument"]["Statement"].as_vec().expect("statements"));
    // A statement under a condition is a list: the condition, the statement, and nothing.
    let statements = statements.filter_map(|statement| {
        let condition = statement[0].as_str();
        let known = [None, Some("Trace"), Some("KeepHistory"), Some("UseKey")];
        assert!(known.contains(&condition), "{condition:?}");
        let is_in = conditions.contains(&condition);
        is_in.then(|| if condition.is_some() { &statement[1] } else { statement })
    });
    statements
        .map(|statement| {
            let actions = statement["Action"].as_vec().expect("actions").iter();
            let actions = actions.filter_map(Yaml::as_str).map(str::to_owned).collect();
            // A resource under a condition is a list: the condition, and the two values.
            let resource = match statement["Resource"].as_vec() {
                Some(list) => list.iter().filter_map(Yaml::as_str).collect::<Vec<_>>().join(" "),
                None => statement["Resource"].as_str().expect("one resource").to_owned(),
            };
            (actions, resource)
        })
        .collect()
}

/// These actions on the table, reading its index and the secret, writing this log, and sending traces.
fn grants(actions: &[&str], log: &str) -> Vec<(Vec<String>, String)> {
    let owned = |actions: &[&str]| actions.iter().map(|&action| action.to_owned()).collect();
    vec![
        (owned(actions), "Table.Arn".to_owned()),
        (owned(&["dynamodb:Query"]), format!("${{Table.Arn}}/index/{BY_SID}")),
        (
            owned(&["secretsmanager:GetSecretValue"]),
            "MakeCredentials Credentials CredentialsSecretArn".to_owned(),
        ),
        (owned(&["logs:CreateLogStream", "logs:PutLogEvents"]), format!("{log}.Arn")),
        (owned(&["xray:PutTraceSegments", "xray:PutTelemetryRecords"]), "*".to_owned()),
    ]
}

#[test]
fn api_function_may_only_read_its_table() {
    let reads = ["dynamodb:Query", "dynamodb:BatchGetItem"];
    assert_eq!(granted(&properties("FunctionRole")), grants(&reads, "LogGroup"));
}

#[test]
fn only_the_stream_function_writes_history() {
    let owned = |actions: &[&str]| actions.iter().map(|&action| action.to_owned()).collect();
    let scan = (owned(&["dynamodb:Scan"]), "Table.Arn".to_owned());
    let history = "HistoryTable.Arn".to_owned();
    let granted = |role| granted_if(&properties(role), &[Some("KeepHistory")]);
    let reads = ["dynamodb:Query", "dynamodb:BatchGetItem"];
    assert_eq!(granted("FunctionRole"), [(owned(&reads), history.clone()), scan.clone()]);
    let writes =
        ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"];
    assert_eq!(granted("StreamRole"), [(owned(&writes), history), scan]);
    assert_eq!(granted("WebhookRole"), []);
}

#[test]
fn only_writers_encrypt_with_the_key() {
    let reads = &["kms:Decrypt"][..];
    let writes = &["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"][..];
    for (role, actions) in
        [("FunctionRole", reads), ("WebhookRole", writes), ("StreamRole", writes)]
    {
        let granted = granted_if(&properties(role), &[Some("UseKey")]);
        let actions = actions.iter().map(|&action| action.to_owned()).collect();
        assert_eq!(granted, [(actions, "KmsKeyArn".to_owned())], "{role}");
    }
}

#[test]
fn history_table_is_protected_like_the_table() {
    let (table, history) = (properties("Table"), properties("HistoryTable"));
    for name in [
        "KeySchema",
        "BillingMode",
        "DeletionProtectionEnabled",
        "PointInTimeRecoverySpecification",
        "SSESpecification",
    ] {
        assert_eq!(history[name], table[name], "{name}");
    }
    for name in ["GlobalSecondaryIndexes", "StreamSpecification", "TimeToLiveSpecification"] {
        assert!(history[name].is_badvalue(), "{name}");
    }
    let template = template();
    let resource = &template["Resources"]["HistoryTable"];
    assert_eq!(resource["Condition"].as_str(), Some("KeepHistory"));
    assert_eq!(resource["DeletionPolicy"].as_str(), Some("Retain"));
    assert_eq!(template["Parameters"]["WholeHistory"]["Default"].as_str(), Some("off"));
}

#[test]
fn only_enabled_webhooks_may_write() {
    let actions = [
        "dynamodb:Query",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:ConditionCheckItem",
    ];
    assert_eq!(granted(&properties("WebhookRole")), grants(&actions, "WebhookLogGroup"));
    let template = template();
    assert_eq!(template["Parameters"]["Webhook"]["Default"].as_str(), Some("off"));
    for (name, resource) in template["Resources"].as_hash().expect("resources") {
        let name = name.as_str().expect("a name");
        if name.contains("Webhook") {
            assert_eq!(resource["Condition"].as_str(), Some("TakeWebhooks"), "{name}");
        }
    }
    let read = [
        TABLE_NAME,
        CREDENTIALS_SECRET_ARN,
        API_KEY,
        API_SECRET,
        RETENTION_DAYS,
        "SSL_CERT_FILE",
        "AWS_ENDPOINT_URL_DYNAMODB",
    ];
    assert_eq!(variables("WebhookFunction"), owned(read));
    let path = &properties("WebhookFunction")["Events"]["WebhookPath"]["Properties"]["Path"];
    assert_eq!(path.as_str(), Some(webhook::handler::PATH));
}

#[test]
fn version_is_on_every_function_and_an_output() {
    let version = env!("CARGO_PKG_VERSION");
    let template = template();
    assert_eq!(template["Outputs"]["Version"]["Value"].as_str(), Some(version));
    for function in ["Function", "WebhookFunction", "StreamFunction"] {
        for field in ["Description", "VersionDescription"] {
            let text = properties(function)[field].as_str().expect("a text").to_owned();
            assert!(text.contains(&format!(" {version}, ")), "{function}: {text}");
        }
    }
}

#[test]
fn throttles_of_table_and_index_have_alarms() {
    let alarm = |name: &str| {
        let alarm = properties(name);
        let dimensions = alarm["Dimensions"].as_vec().expect("dimensions").iter();
        let values = dimensions.map(|it| it["Value"].as_str().expect("a text").to_owned());
        (alarm["MetricName"].as_str().expect("a text").to_owned(), values.collect::<Vec<_>>())
    };
    let expect = |metric: &str, values: &[&str]| {
        (metric.to_owned(), values.iter().map(|&value| value.to_owned()).collect())
    };
    assert_eq!(alarm("TableThrottlesAlarm"), expect("ReadThrottleEvents", &["Table"]));
    assert_eq!(alarm("TableWriteThrottlesAlarm"), expect("WriteThrottleEvents", &["Table"]));
    assert_eq!(alarm("IndexReadThrottlesAlarm"), expect("ReadThrottleEvents", &["Table", BY_SID]));
    assert_eq!(
        alarm("IndexWriteThrottlesAlarm"),
        expect("WriteThrottleEvents", &["Table", BY_SID])
    );
}

#[test]
fn access_log_links_to_the_functions_log() {
    let format =
        properties("Api")["AccessLogSettings"]["Format"].as_str().expect("a text").to_owned();
    let fields: serde_json::Value = serde_json::from_str(&format).expect("JSON");
    assert_eq!(fields["method"], "$context.httpMethod");
    assert_eq!(fields["path"], "$context.path");
    assert_eq!(fields["integrationRequestId"], "$context.integration.requestId");
}
