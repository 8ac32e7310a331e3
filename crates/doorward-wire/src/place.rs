//! The map of a message: which members matter, and where each was found.

use crate::edit::Span;

/// A member of a message that something asks for. Everything else is [`Place::Elsewhere`].
///
/// The scanner knows nothing but this map: a member is named by the place of its object and its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Root,
    JsonRpc,
    Id,
    Method,
    Params,
    Result,
    Error,

    Name,
    Uri,
    Arguments,
    RequestId,
    ProgressToken,
    OfferedVersion,
    Capabilities,
    TaskId,

    Reference,
    ReferenceType,
    ReferenceName,
    ReferenceUri,

    Filter,
    FilterResources,
    FilterTasks,

    ParamsMeta,
    MetaProgressToken,
    MetaSubscription,
    MetaVersion,
    MetaCapabilities,
    MetaLogLevel,

    ResultMeta,
    ResultSubscription,
    ResultType,
    ResultVersion,
    CacheScope,

    ErrorCode,
    ErrorMessage,

    Elsewhere,
}

impl Place {
    const COUNT: usize = Self::Elsewhere as usize;

    /// The place of the member `key` of the object at `self`.
    pub(crate) fn member(self, key: &str) -> Self {
        match (self, key) {
            (Self::Elsewhere, _) => Self::Elsewhere,

            (Self::Root, "jsonrpc") => Self::JsonRpc,
            (Self::Root, "id") => Self::Id,
            (Self::Root, "method") => Self::Method,
            (Self::Root, "params") => Self::Params,
            (Self::Root, "result") => Self::Result,
            (Self::Root, "error") => Self::Error,

            (Self::Params, "_meta") => Self::ParamsMeta,
            (Self::Params, "name") => Self::Name,
            (Self::Params, "uri") => Self::Uri,
            (Self::Params, "arguments") => Self::Arguments,
            (Self::Params, "requestId") => Self::RequestId,
            (Self::Params, "progressToken") => Self::ProgressToken,
            (Self::Params, "protocolVersion") => Self::OfferedVersion,
            (Self::Params, "capabilities") => Self::Capabilities,
            (Self::Params, "taskId") => Self::TaskId,
            (Self::Params, "ref") => Self::Reference,
            (Self::Params, "notifications") => Self::Filter,

            (Self::Reference, "type") => Self::ReferenceType,
            (Self::Reference, "name") => Self::ReferenceName,
            (Self::Reference, "uri") => Self::ReferenceUri,

            (Self::Filter, "resourceSubscriptions") => Self::FilterResources,
            (Self::Filter, "taskIds") => Self::FilterTasks,

            (Self::ParamsMeta, "progressToken") => Self::MetaProgressToken,
            (Self::ParamsMeta, "io.modelcontextprotocol/subscriptionId") => Self::MetaSubscription,
            (Self::ParamsMeta, "io.modelcontextprotocol/protocolVersion") => Self::MetaVersion,
            (Self::ParamsMeta, "io.modelcontextprotocol/clientCapabilities") => Self::MetaCapabilities,
            (Self::ParamsMeta, "io.modelcontextprotocol/logLevel") => Self::MetaLogLevel,

            (Self::Result, "_meta") => Self::ResultMeta,
            (Self::Result, "resultType") => Self::ResultType,
            (Self::Result, "protocolVersion") => Self::ResultVersion,
            (Self::Result, "cacheScope") => Self::CacheScope,
            (Self::ResultMeta, "io.modelcontextprotocol/subscriptionId") => Self::ResultSubscription,

            (Self::Error, "code") => Self::ErrorCode,
            (Self::Error, "message") => Self::ErrorMessage,

            _ => Self::Elsewhere,
        }
    }
}

/// The JSON type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Object,
    Array,
    String,
    Number,
    Boolean,
    Null,
}

/// Where a value is, and of what type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) span: Span,
    pub(crate) kind: Type,
}

/// What a scan found at each place. A place is found at most once, because no object may name a key twice.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    spots: [Option<Spot>; Place::COUNT],
}

impl Found {
    pub(crate) fn new() -> Self {
        Self { spots: [None; Place::COUNT] }
    }

    pub(crate) fn note(&mut self, place: Place, spot: Spot) {
        if let Some(slot) = self.spots.get_mut(place as usize) {
            *slot = Some(spot);
        }
    }

    pub(crate) fn at(&self, place: Place) -> Option<Spot> {
        self.spots.get(place as usize).copied().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_names_a_place_only_inside_its_own_object() {
        assert_eq!(Place::Root.member("params"), Place::Params);
        assert_eq!(Place::Params.member("name"), Place::Name);
        assert_eq!(Place::Arguments.member("name"), Place::Elsewhere);
        assert_eq!(Place::Elsewhere.member("params"), Place::Elsewhere);
        assert_eq!(Place::Root.member("Params"), Place::Elsewhere);
    }
}
