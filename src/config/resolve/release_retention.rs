//! `retention` of entries of kind `release`.

use super::Scope;
use super::git::{Patterns, Side};
use crate::config::decode::Cx;
use crate::config::problem::Problem;
use crate::config::resolved::ReleaseRetention;
use crate::config::span::Spanned;
use crate::config::written::{self, ReleaseRules};

/// The rules, with every number checked.
pub fn rules(written: written::ReleaseRetention, patterns: &Patterns, scope: &mut Scope<'_>, cx: &mut Cx) -> ReleaseRetention {
    match written {
        written::ReleaseRetention::Last(last) => {
            if last.value == 0 {
                cx.report(Problem::at(last.span, "nothing would stay").hint("say how many releases stay, at least 1"));
            }
            ReleaseRetention { keep_last: count(Some(last), cx), ..ReleaseRetention::default() }
        }
        written::ReleaseRetention::Rules(rules) => {
            let ReleaseRules {
                keep_last,
                keep_daily,
                keep_weekly,
                keep_monthly,
                keep_yearly,
                protect,
                // Reported as not supported yet when they were read.
                keep_branches: _,
                identity: _,
            } = *rules;
            let protect = protect.unwrap_or_default();
            for name in &protect {
                if name.value.starts_with('!') {
                    cx.report(
                        Problem::at(name.span, "what is protected is named, not excluded").hint("name the patterns of tags that stay"),
                    );
                } else {
                    patterns.check(name, Side::Tags, scope, cx);
                }
            }
            ReleaseRetention {
                keep_last: count(keep_last, cx),
                keep_daily: count(keep_daily, cx),
                keep_weekly: count(keep_weekly, cx),
                keep_monthly: count(keep_monthly, cx),
                keep_yearly: count(keep_yearly, cx),
                protect: protect.into_iter().map(|name| name.value).collect(),
            }
        }
    }
}

fn count(written: Option<Spanned<i64>>, cx: &mut Cx) -> u32 {
    let Some(written) = written else { return 0 };
    u32::try_from(written.value).unwrap_or_else(|_| {
        cx.report(Problem::at(written.span, format!("`{}` is no number of releases", written.value)).hint("write a whole number from 0"));
        0
    })
}
