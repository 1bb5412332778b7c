use std::sync::Arc;

use tonic::{Request, Response, Status};

use crate::app::App;
use crate::domain::canvas::Canvas;
use crate::domain::check::Checker;
use crate::domain::listing::{self, Listed as _, Order};
use crate::domain::name::CanvasName;
use crate::grpc::convert::{self, optional, parsed};
use crate::grpc::once::{self, Mutation};
use crate::grpc::page::{ListRequest, PageRequest, Wanted};
use crate::grpc::{finish, mask, pb};

pub struct Service(pub Arc<App>);

#[tonic::async_trait]
impl pb::canvas_service_server::CanvasService for Service {
    async fn create_canvas(
        &self,
        request: Request<pb::CreateCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            c.require(request.canvas.is_some(), "canvas", "is required");
            let id = optional(&mut c, "canvas_id", &request.canvas_id);
            let canvas = request.canvas.unwrap_or_default();
            let content = c.within("canvas", |c| convert::canvas::content(c, canvas));
            Ok(self.0.create_canvas(id, c.draft(content), once).await?)
        };
        mutation.answer(once::plain(convert::canvas::outward), work).await
    }

    async fn get_canvas(
        &self,
        request: Request<pb::GetCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        c.require(request.revision >= 0, "revision", "must be 0 or more");
        let canvas = self.0.canvas(&finish(c, name)?, request.revision).await?;
        Ok(Response::new(convert::canvas::outward(&canvas)))
    }

    async fn list_canvases(
        &self,
        request: Request<pb::ListCanvasesRequest>,
    ) -> Result<Response<pb::ListCanvasesResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let wanted = Wanted {
            filter: &request.filter,
            order_by: &request.order_by,
            page_size: request.page_size,
            page_token: &request.page_token,
        };
        let scope = request.show_deleted.to_string();
        let list =
            ListRequest::read(&mut c, ("canvases", &scope), &listing::CANVAS, Order::default(), wanted);
        c.finish(())?;
        let found = self.0.canvases(list.query(), request.show_deleted).await?;
        let (canvases, next_page_token) =
            list.cut(found, |canvas| canvas.cursor(list.order()), convert::canvas::outward);
        Ok(Response::new(pb::ListCanvasesResponse { canvases, next_page_token }))
    }

    async fn update_canvas(
        &self,
        request: Request<pb::UpdateCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let pb::UpdateCanvasRequest { canvas, update_mask, .. } = request;
            let update = canvas.unwrap_or_default();
            let name = parsed::<CanvasName>(&mut c, "canvas.name", &update.name);
            mask::check(&mut c, "Canvas", update_mask.as_ref());
            let name = finish(c, name)?;
            let edit = |current: &Canvas| {
                let current = convert::canvas::outward(current);
                let read = convert::canvas::content;
                mask::edit("Canvas", "canvas", current, &update, update_mask.as_ref(), read)
            };
            Ok(self.0.update_canvas(&name, &update.etag, once, edit).await?)
        };
        mutation.answer(once::plain(convert::canvas::outward), work).await
    }

    async fn delete_canvas(&self, request: Request<pb::DeleteCanvasRequest>) -> Result<Response<()>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.delete_canvas(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(once::nothing, work).await
    }

    async fn undelete_canvas(
        &self,
        request: Request<pb::UndeleteCanvasRequest>,
    ) -> Result<Response<pb::Canvas>, Status> {
        let request = request.into_inner();
        let mutation = Mutation::of(&self.0, &request);
        let work = async |mut c: Checker, once| {
            let name = parsed(&mut c, "name", &request.name);
            Ok(self.0.undelete_canvas(&finish(c, name)?, &request.etag, once).await?)
        };
        mutation.answer(once::plain(convert::canvas::outward), work).await
    }

    async fn list_canvas_revisions(
        &self,
        request: Request<pb::ListCanvasRevisionsRequest>,
    ) -> Result<Response<pb::ListCanvasRevisionsResponse>, Status> {
        let request = request.into_inner();
        let mut c = Checker::at("");
        let name = parsed(&mut c, "name", &request.name);
        let page = PageRequest::read(
            &mut c,
            "canvas revisions",
            &request.name,
            request.page_size,
            &request.page_token,
        );
        let found = self.0.canvas_revisions(&finish(c, name)?, page.window()).await?;
        let key = |canvas: &Canvas| canvas.version.revision.to_string();
        let (canvases, next_page_token) = page.cut(found, key, convert::canvas::outward);
        Ok(Response::new(pb::ListCanvasRevisionsResponse { canvases, next_page_token }))
    }
}
