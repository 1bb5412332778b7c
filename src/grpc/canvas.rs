use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::convert::{self, optional, parsed};
use super::page::PageRequest;
use super::{finish, mask, pb};
use crate::app::App;
use crate::domain::canvas::Canvas;
use crate::domain::check::Checker;
use crate::domain::name::CanvasName;
use crate::storage::Page;

pub struct Service(pub Arc<App>);

#[tonic::async_trait]
impl pb::canvas_service_server::CanvasService for Service {
    async fn create_canvas(
        &self,
        request: Request<pb::CreateCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        c.require(request.canvas.is_some(), "canvas", "is required");
        let id = optional(&mut c, "canvas_id", &request.canvas_id);
        let content = c.within("canvas", |c| convert::canvas::content(c, request.canvas.unwrap_or_default()));
        let canvas = self.0.create_canvas(id, c.draft(content)).await?;
        Ok(Response::new(convert::canvas::outward(&canvas)))
    }

    async fn get_canvas(
        &self,
        request: Request<pb::GetCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.get_ref().name);
        let canvas = self.0.canvas(&finish(c, name)?).await?;
        Ok(Response::new(convert::canvas::outward(&canvas)))
    }

    async fn list_canvases(
        &self,
        request: Request<pb::ListCanvasesRequest>,
    ) -> Result<Response<pb::ListCanvasesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let scope = request.show_deleted.to_string();
        let page = PageRequest::read(&mut c, "canvases", &scope, request.page_size, &request.page_token);
        c.finish(())?;
        let range = Page { after: page.after.clone(), limit: page.limit() };
        let found = self.0.canvases(range, request.show_deleted).await?;
        let (found, next_page_token) = page.cut(found, |canvas| canvas.name.to_string());
        let canvases = found.iter().map(convert::canvas::outward).collect();
        Ok(Response::new(pb::ListCanvasesResponse { canvases, next_page_token }))
    }

    async fn update_canvas(
        &self,
        request: Request<pb::UpdateCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let pb::UpdateCanvasRequest { canvas, update_mask } = request.into_inner();
        let update = canvas.unwrap_or_default();
        let mut c = Checker::at("");
        let name = parsed::<CanvasName>(&mut c, "canvas.name", &update.name);
        mask::check(&mut c, "Canvas", update_mask.as_ref());
        let name = finish(c, name)?;
        let edit = |current: &Canvas| {
            let current = convert::canvas::outward(current);
            mask::edit("Canvas", "canvas", current, &update, update_mask.as_ref(), convert::canvas::content)
        };
        let canvas = self.0.update_canvas(&name, &update.etag, edit).await?;
        Ok(Response::new(convert::canvas::outward(&canvas)))
    }

    async fn delete_canvas(&self, request: Request<pb::DeleteCanvasRequest>) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        self.0.delete_canvas(&finish(c, name)?, &request.etag).await?;
        Ok(Response::new(()))
    }
}
