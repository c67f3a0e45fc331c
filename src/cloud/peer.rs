#![allow(unused, clippy::all)]
use super::client::Client; use super::error::CloudError; use crate::model::*; use std::collections::BTreeMap; use super::write_call::WriteCall;
pub struct Diagnosis { pub code:String,pub reason:String,pub severity:String,pub local:String,pub remote:String,pub log:String }
impl Client {
 pub async fn diagnosis(&self,r:&str,c:&str,t:Option<&str>)->Result<Vec<Diagnosis>,CloudError>{unimplemented!()}
 pub async fn connection_logs(&self,r:&str,c:&str,t:Option<&str>,m:u8)->Result<Vec<String>,CloudError>{unimplemented!()}
 pub async fn whole_connection(&self,r:&str,c:&str)->Result<Option<(IpsecConnection,Verbatim)>,CloudError>{unimplemented!()}
 pub async fn destination_routes(&self,r:&str,c:&str)->Result<Vec<DestinationRoute>,CloudError>{unimplemented!()}
 pub async fn policy_routes(&self,r:&str,c:&str)->Result<Vec<PolicyRoute>,CloudError>{unimplemented!()}
 pub async fn connection_routes(&self,r:&str,c:&str)->Result<Vec<ConnectionRoute>,CloudError>{unimplemented!()}
 pub async fn router_attachment(&self,r:&str,t:&str,c:&str)->Result<Option<RouterAttachment>,CloudError>{unimplemented!()}
 pub async fn attachment_descriptions(&self,r:&str)->Result<BTreeMap<String,String>,CloudError>{unimplemented!()}
 pub async fn authorizations(&self,r:&str,c:&str)->Result<Vec<Authorization>,CloudError>{unimplemented!()}
 pub async fn dry_run(&self,c:&WriteCall)->Result<(),CloudError>{unimplemented!()}
}
