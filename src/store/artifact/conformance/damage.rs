//! Bytes that changed behind the store's back, and places that do not take any.

use super::{Checked, Cx, Damage, Miss, expect, not_applicable};
use crate::store::artifact::error::ArtifactErrorKind;

pub(super) async fn noticed(cx: &Cx<'_>) -> Checked {
    let (data, manifest) = (b"some data that will be damaged".as_slice(), b"{\"what\":\"its manifest\"}".as_slice());
    for damage in Damage::ALL {
        let at = cx.at(&format!("{damage:?}").to_ascii_lowercase())?;
        // Bytes of its own, so that damaging them damages nothing else.
        let data = [data, format!("{damage:?}").as_bytes()].concat();
        let manifest = [manifest, format!("{damage:?}").as_bytes()].concat();
        cx.put(&at, &data, &manifest).await?;
        let Some(done) = cx.subject.damage(&at, damage) else { return not_applicable("its server's data cannot be changed from here") };
        done.await?;
        match cx.store.get(&at, &cx.call).await {
            Err(error) if error.is_integrity() => {}
            Err(error) => return Err(Miss::Failed(format!("{damage:?}: get ends with {:?}: {error}", error.kind))),
            Ok(_) => return Err(Miss::Failed(format!("{damage:?} was not noticed"))),
        }
        // It may say that it cannot tell, but never that there is nothing.
        match cx.store.exists(&at, &cx.call).await {
            Ok(true) => {}
            Err(error) if error.is_integrity() => {}
            other => return Err(Miss::Failed(format!("{damage:?}: exists says {other:?}"))),
        }
        cx.put(&at, &data, &manifest).await?;
        cx.holds(&at, &data, &manifest).await?;
    }
    Ok(())
}

pub(super) async fn unwritable(cx: &Cx<'_>) -> Checked {
    let Some(store) = cx.subject.unwritable() else { return not_applicable("there is no such place for it") };
    let at = cx.at("pair")?;
    match store.put(&at, b"data", b"manifest", &cx.call).await {
        Err(error) if error.is_not_found() => Err(Miss::Failed(format!("put ends with not-found: {error}"))),
        Err(error) => {
            let fits = matches!(error.kind, ArtifactErrorKind::Local | ArtifactErrorKind::Credentials | ArtifactErrorKind::Rejected);
            expect(fits, || format!("put ends with {:?}: {error}", error.kind))
        }
        Ok(()) => Err(Miss::Failed("put there was acknowledged".to_owned())),
    }
}
