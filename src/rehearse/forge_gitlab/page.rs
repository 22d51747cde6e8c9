//! Pages of lists, with the headers GitLab puts beside them (docs: "REST API pagination", offset-based).

use serde_json::Value;

use super::reply::{Reply, number};
use crate::rehearse::api::Asked;

/// The page that was asked for.
pub(super) fn page(asked: &Asked, most: usize, base: &str, entries: Vec<Value>) -> Reply {
    let per_page = number(asked, "per_page").unwrap_or(20).clamp(1, most.max(1));
    let number = number(asked, "page").unwrap_or(1).max(1);
    let total = entries.len();
    let pages = total.div_ceil(per_page).max(1);
    let shown: Vec<Value> = entries.into_iter().skip((number - 1).saturating_mul(per_page)).take(per_page).collect();
    let next = if number < pages { (number + 1).to_string() } else { String::new() };
    let mut reply = Reply::json(200, Value::Array(shown))
        .header("X-Page", number.to_string())
        .header("X-Per-Page", per_page.to_string())
        .header("X-Next-Page", next.clone())
        .header("X-Total", total.to_string())
        .header("X-Total-Pages", pages.to_string());
    if !next.is_empty() {
        reply = reply.header("Link", format!("<{}>; rel=\"next\"", address(asked, base, &next, per_page)));
    }
    reply
}

fn address(asked: &Asked, base: &str, page: &str, per_page: usize) -> String {
    let Ok(mut url) = url::Url::parse(base) else { return base.to_owned() };
    if let Ok(mut path) = url.path_segments_mut() {
        path.clear().extend(&asked.segments);
    }
    let kept = asked.query.iter().filter(|(name, _)| name != "page" && name != "per_page");
    url.query_pairs_mut().extend_pairs(kept).append_pair("page", page).append_pair("per_page", &per_page.to_string());
    url.into()
}
