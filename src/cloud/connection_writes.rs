#![allow(unused, clippy::all)]
use super::write_call::{WriteCall, Written}; use super::wire::FieldError; use serde_json::Value; use crate::model::Tags;
pub fn modify_tunnel(region:&str,c:&str,t:&str,o:&Value,token:&str)->WriteCall{unimplemented!()}
pub fn modify_attachment_tunnel(region:&str,c:&str,o:&Value,token:&str)->WriteCall{unimplemented!()}
pub fn modify_attachment(region:&str,c:&str,o:&Value,ike:bool,token:&str)->WriteCall{unimplemented!()}
pub fn create_vpn_connection(region:&str,o:&Value,auto:bool,tags:&Tags,dry:bool,token:&str)->WriteCall{unimplemented!()}
pub fn delete_vpn_connection(region:&str,c:&str,token:&str)->WriteCall{unimplemented!()}
pub fn create_vpn_attachment(region:&str,o:&Value,tags:&Tags,group:Option<&str>,dry:bool,token:&str)->WriteCall{unimplemented!()}
pub fn delete_vpn_attachment(region:&str,c:&str,token:&str)->WriteCall{unimplemented!()}
pub fn created_connection_id(w:&Written)->Result<String,FieldError>{unimplemented!()}
pub fn untag_connection<'a>(region:&str,c:&str,on:bool,keys:impl IntoIterator<Item=&'a str>)->WriteCall{unimplemented!()}
