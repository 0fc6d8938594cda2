use std::cell::RefCell;
use std::path::PathBuf;

use catalog_core::ModelId;

use super::context::CallContext;
use crate::error::{ProvisionError, Result};

/// A catalog, and the id of a model.
type Model = (Catalog, ModelId);

#[derive(Debug, PartialEq, Eq)]
enum Catalog {
    /// The root of a catalog on disk.
    OnDisk(PathBuf),
    /// The address in memory of any other catalog. The call borrows the catalog, so the address is
    /// unique.
    At(usize),
}

thread_local! {
    /// The models that the calls of this thread provision.
    static PROVISIONED: RefCell<Vec<Model>> = const { RefCell::new(Vec::new()) };
}

/// A guard that records, for as long as it exists, that this thread provisions a model.
#[derive(Debug)]
pub(super) struct Nesting(());

impl Nesting {
    /// Records the model of a call.
    ///
    /// # Errors
    ///
    /// [`ProvisionError::NestedCall`] if another call of this thread provisions the model: the call
    /// would wait for itself.
    pub(super) fn begin(ctx: &CallContext<'_>) -> Result<Self> {
        let root = ctx
            .catalog
            .managed()
            .map(|managed| managed.root().to_path_buf());
        let catalog = match root {
            Some(root) => Catalog::OnDisk(root),
            None => Catalog::At(std::ptr::from_ref(ctx.catalog).cast::<()>().addr()),
        };
        let model = (catalog, ctx.id.clone());
        PROVISIONED.with_borrow_mut(|all| {
            if all.contains(&model) {
                return Err(ProvisionError::NestedCall {
                    id: ctx.id.to_string(),
                });
            }
            all.push(model);
            Ok(Self(()))
        })
    }
}

impl Drop for Nesting {
    fn drop(&mut self) {
        PROVISIONED.with_borrow_mut(|all| all.pop());
    }
}
