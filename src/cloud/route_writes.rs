#![allow(unused, clippy::all)]
use super::write_call::{WriteCall, Written}; use crate::model::*;
pub fn create_route(region:&str,g:&str,r:&DestinationRoute,n:&str,token:&str)->WriteCall{unimplemented!()}
pub fn delete_route(region:&str,g:&str,r:&DestinationRoute,n:&str,token:&str)->WriteCall{unimplemented!()}
pub fn create_policy(region:&str,g:&str,r:&PolicyRoute,n:&str,token:&str)->WriteCall{unimplemented!()}
pub fn delete_policy(region:&str,g:&str,r:&PolicyRoute,n:&str,token:&str)->WriteCall{unimplemented!()}
pub fn publish_route(region:&str,g:&str,d:&str,n:&str,t:&str,p:bool,token:&str)->WriteCall{unimplemented!()}
pub fn create_connection_route(region:&str,c:&str,r:&ConnectionRoute,token:&str)->WriteCall{unimplemented!()}
