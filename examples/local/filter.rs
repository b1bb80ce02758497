//! Which events call the function on the stream: the template's own filter, applied as Lambda does.

use serde_json::Value;
use yaml_rust2::YamlLoader;

const TEMPLATE: &str = include_str!("../../template.yaml");

/// The patterns of the template's event source mapping. An event calls the function if it matches
/// one of them.
pub struct Filter(Vec<Value>);

impl Filter {
    /// Returns the filter as it is in the template, with the whole history on or off.
    pub fn of_template(whole_history: bool) -> Result<Self, Box<dyn std::error::Error>> {
        let template = YamlLoader::load_from_str(TEMPLATE)?;
        let template = template.first().ok_or("the template is empty")?;
        let function = &template["Resources"]["StreamFunction"]["Properties"];
        let filters = &function["Events"]["Table"]["Properties"]["FilterCriteria"]["Filters"];
        let filters = filters.as_vec().ok_or("the template's stream has no filter")?;
        let patterns = filters.iter().map(|filter| {
            // `!If [KeepHistory, on, off]`; the parser leaves the tag out.
            let choice = &filter["Pattern"][if whole_history { 1 } else { 2 }];
            let pattern = filter["Pattern"].as_str().or(choice.as_str());
            let pattern = pattern.ok_or("a filter has no pattern")?;
            Ok(serde_json::from_str(pattern)?)
        });
        Ok(Filter(patterns.collect::<Result<_, Box<dyn std::error::Error>>>()?))
    }

    /// Whether an event calls the function.
    pub fn passes(&self, event: &Value) -> bool {
        self.0.iter().any(|pattern| matches(pattern, Some(event)))
    }
}

/// Whether what is at some place of an event matches what a pattern has there: for an object all of
/// its fields, for a list one of its conditions.
///
/// Source: AWS Lambda Developer Guide, "Filter rule syntax".
fn matches(pattern: &Value, found: Option<&Value>) -> bool {
    match pattern {
        Value::Object(fields) => fields
            .iter()
            .all(|(name, pattern)| matches(pattern, found.and_then(|found| found.get(name)))),
        Value::Array(conditions) => conditions.iter().any(|condition| holds(condition, found)),
        _ => false,
    }
}

fn holds(condition: &Value, found: Option<&Value>) -> bool {
    if let Some(prefix) = condition["prefix"].as_str() {
        return found.and_then(Value::as_str).is_some_and(|text| text.starts_with(prefix));
    }
    if let Some(exists) = condition["exists"].as_bool() {
        return found.is_some_and(|found| !found.is_object()) == exists;
    }
    found == Some(condition)
}
