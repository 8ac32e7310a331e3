//! The values of a scanned text, each read as what it has to be.

use std::borrow::Cow;

use crate::edit::Span;
use crate::error::ParseFault::{self, Params};
use crate::id::Id;
use crate::interpret::Mark;
use crate::place::{Found, Place, Spot, Type};
use crate::scan::Fault;

/// A scanned text and what was found in it.
pub(crate) struct Reader<'a> {
    pub(crate) text: &'a str,
    pub(crate) found: &'a Found,
}

impl<'a> Reader<'a> {
    /// The text of a string; `None` when it is absent.
    pub(crate) fn string(&self, place: Place, rule: ParseFault) -> Result<Option<Cow<'a, str>>, Fault> {
        let Some(spot) = self.found.at(place) else {
            return Ok(None);
        };
        unquote(self.raw(spot)).map(Some).ok_or((rule, spot.span.start()))
    }

    /// As [`Reader::string`], for a text that is kept.
    pub(crate) fn label(&self, place: Place, rule: ParseFault) -> Result<Option<Box<str>>, Fault> {
        Ok(self.string(place, rule)?.map(Into::into))
    }

    pub(crate) fn required(&self, place: Place, rule: &'static str) -> Result<String, Fault> {
        match self.string(place, Params(rule))? {
            Some(text) => Ok(text.into_owned()),
            None => Err((Params(rule), self.offset(Place::Params))),
        }
    }

    /// A list of strings; empty when it is absent.
    pub(crate) fn strings(&self, place: Place) -> Result<Vec<String>, Fault> {
        let Some(spot) = self.found.at(place) else {
            return Ok(Vec::new());
        };
        serde_json::from_str(self.raw(spot))
            .map_err(|_| (Params("a filter of `params.notifications` must be a list of strings"), spot.span.start()))
    }

    /// The span of an object; `None` when it is absent.
    pub(crate) fn object(&self, place: Place, rule: ParseFault) -> Result<Option<Span>, Fault> {
        match self.found.at(place) {
            None => Ok(None),
            Some(Spot { span, kind: Type::Object }) => Ok(Some(span)),
            Some(spot) => Err((rule, spot.span.start())),
        }
    }

    /// As [`Reader::object`], for members where some clients write null for absence.
    pub(crate) fn nullable(&self, place: Place, rule: ParseFault) -> Result<Option<Span>, Fault> {
        if self.kind(place) == Some(Type::Null) { Ok(None) } else { self.object(place, rule) }
    }

    pub(crate) fn meta(&self, place: Place) -> Result<Option<Span>, Fault> {
        self.nullable(place, Params("`_meta` must be an object"))
    }

    /// An id other than the message's own; `None` when it is absent.
    pub(crate) fn mark(&self, place: Place, rule: &'static str) -> Result<Option<Mark>, Fault> {
        let Some(spot) = self.found.at(place) else {
            return Ok(None);
        };
        let id = Id::parse(self.raw(spot)).map_err(|_| (Params(rule), spot.span.start()))?;
        Ok(Some(Mark { id, span: spot.span }))
    }

    pub(crate) fn raw(&self, spot: Spot) -> &'a str {
        spot.span.of(self.text)
    }

    pub(crate) fn span(&self, place: Place) -> Option<Span> {
        self.found.at(place).map(|spot| spot.span)
    }

    pub(crate) fn kind(&self, place: Place) -> Option<Type> {
        self.found.at(place).map(|spot| spot.kind)
    }

    pub(crate) fn offset(&self, place: Place) -> usize {
        self.found.at(place).map_or(0, |spot| spot.span.start())
    }
}

/// The text of a JSON string; `None` when `json` is something else.
pub(crate) fn unquote(json: &str) -> Option<Cow<'_, str>> {
    let inner = json.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') { serde_json::from_str(json).ok().map(Cow::Owned) } else { Some(Cow::Borrowed(inner)) }
}
