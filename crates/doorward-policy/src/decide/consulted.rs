//! The fourth stage: no interceptor objects.

use doorward_audit::{Reason, Text};

use super::Question;
use super::denial::{Denial, Refusal};
use super::scoped::Scoped;
use crate::interceptor::{Intercepted, Interceptors, Objection};

/// The proof that every interceptor let the call pass.
pub(super) struct Consulted(Scoped);

impl Consulted {
    pub(super) async fn ask(
        scoped: Scoped,
        question: &Question<'_>,
        interceptors: &Interceptors,
    ) -> Result<Self, Refusal> {
        let call = Intercepted::new(scoped.principal(), question.server, question.address, question.call.message());
        let asked = interceptors.ask(&call).await;
        match asked {
            Ok(()) => Ok(Self(scoped)),
            Err(Objection::Refused(reason)) => {
                let reason = Text::clip(&reason).to_string();
                Err(Refusal::new(Denial::Interceptor { reason }))
            }
            Err(Objection::Failed(what)) => Err(Refusal::new(Denial::Fault(what)).because(Reason::InterceptorFailed)),
        }
    }

    pub(super) fn into_scoped(self) -> Scoped {
        self.0
    }
}
