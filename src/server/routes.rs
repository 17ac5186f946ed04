//! Routes with the role that each needs: one table for the router, for the rule that guards it, for the OpenAPI
//! document and for the tests. A route cannot be added without a role.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};

use super::access::{ADMIN, Need};
use super::state::App;

/// A route as it is matched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Route {
    pub(crate) method: Method,
    /// Path with `{parameters}`.
    pub(crate) path: String,
    pub(crate) need: Need,
}

/// Routes under construction.
#[derive(Default)]
pub(crate) struct Routes {
    router: Router<App>,
    table: Vec<Route>,
}

impl Routes {
    pub(crate) fn get<H, T>(self, path: &str, need: Need, handler: H) -> Routes
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.route((Method::GET, MethodFilter::GET), path, need, handler)
    }

    pub(crate) fn post<H, T>(self, path: &str, need: Need, handler: H) -> Routes
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.route((Method::POST, MethodFilter::POST), path, need, handler)
    }

    pub(crate) fn put<H, T>(self, path: &str, need: Need, handler: H) -> Routes
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.route((Method::PUT, MethodFilter::PUT), path, need, handler)
    }

    pub(crate) fn delete<H, T>(self, path: &str, need: Need, handler: H) -> Routes
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.route((Method::DELETE, MethodFilter::DELETE), path, need, handler)
    }

    fn route<H, T>(
        mut self,
        (method, filter): (Method, MethodFilter),
        path: &str,
        need: Need,
        handler: H,
    ) -> Routes
    where
        H: Handler<T, App>,
        T: 'static,
    {
        self.router = self.router.route(path, on(filter, handler));
        self.listed(method, path, need)
    }

    /// Lists a route that somebody else puts into the router.
    pub(crate) fn listed(mut self, method: Method, path: &str, need: Need) -> Routes {
        self.table.push(Route {
            method,
            path: path.to_owned(),
            need,
        });
        self
    }

    /// Changes the router, not the table.
    pub(crate) fn map(mut self, change: impl FnOnce(Router<App>) -> Router<App>) -> Routes {
        self.router = change(self.router);
        self
    }

    /// Adds the routes of `other` below `prefix`.
    pub(crate) fn nest(mut self, prefix: &str, other: Routes) -> Routes {
        self.router = self.router.nest(prefix, other.router);
        self.table.extend(other.table.into_iter().map(|route| Route {
            path: format!("{prefix}{}", route.path),
            ..route
        }));
        self
    }

    /// Adds the routes of `other`.
    pub(crate) fn merge(mut self, other: Routes) -> Routes {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self
    }

    /// The router and what each of its routes needs.
    pub(crate) fn finish(self) -> (Router<App>, RouteTable) {
        (self.router, RouteTable::new(self.table))
    }
}

/// What each route needs. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct RouteTable(Arc<HashMap<(Method, String), Need>>);

impl RouteTable {
    fn new(routes: Vec<Route>) -> RouteTable {
        let pairs = routes
            .into_iter()
            .map(|route| ((route.method, route.path), route.need));
        RouteTable(Arc::new(pairs.collect()))
    }

    /// The role that a request to a matched path needs. What is not listed needs the highest.
    pub(crate) fn need(&self, method: &Method, path: &str) -> Need {
        let method = if *method == Method::HEAD {
            Method::GET
        } else {
            method.clone()
        };
        self.0.get(&(method, path.to_owned())).copied().unwrap_or(ADMIN)
    }

    /// All routes, by path.
    #[cfg(test)]
    pub(crate) fn all(&self) -> Vec<Route> {
        let mut all: Vec<Route> = self
            .0
            .iter()
            .map(|((method, path), need)| Route {
                method: method.clone(),
                path: path.clone(),
                need: *need,
            })
            .collect();
        all.sort_by(|a, b| (&a.path, a.method.as_str()).cmp(&(&b.path, b.method.as_str())));
        all
    }
}
