#![allow(unused, clippy::all)]
use super::write_call::{WriteCall, Written}; use super::wire::FieldError; use crate::model::*;
pub fn create_router_attachment(region:&str,a:&RouterAttachment,c:&str,token:&str)->WriteCall{unimplemented!()}
pub fn delete_router_attachment(a:&str,f:bool,token:&str)->WriteCall{unimplemented!()}
pub fn associate(a:&str,t:&str,token:&str)->WriteCall{unimplemented!()}
pub fn propagate(a:&str,t:&str,token:&str)->WriteCall{unimplemented!()}
pub fn created_attachment_id(w:&Written)->Result<String,FieldError>{unimplemented!()}
