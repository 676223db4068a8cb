CREATE TABLE `account` (
	`key` integer PRIMARY KEY NOT NULL,
	`external_id` text NOT NULL,
	`login` text NOT NULL,
	`login_key` text NOT NULL,
	`display_name` text,
	`first_name` text,
	`last_name` text,
	`email` text,
	`department` text,
	`activity` text,
	`print_code` text,
	`card_number` text,
	`home_directory` text,
	`enabled` integer NOT NULL,
	`groups` text NOT NULL,
	`present` integer NOT NULL,
	`disabled_at` integer,
	`revision` integer NOT NULL,
	`pinged_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `account_login` ON `account` (`login_key`) WHERE present = 1;--> statement-breakpoint
CREATE UNIQUE INDEX `account_revision` ON `account` (`revision`);--> statement-breakpoint
CREATE INDEX `account_enabled` ON `account` (`key`) WHERE present = 1 and enabled = 1;--> statement-breakpoint
CREATE INDEX `account_disabled` ON `account` (`disabled_at`) WHERE present = 1 and disabled_at is not null;--> statement-breakpoint
CREATE TABLE `audit` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`at` integer NOT NULL,
	`key` integer NOT NULL,
	`action` text NOT NULL,
	`cause` text NOT NULL,
	`reason` text,
	`changes` text
);
--> statement-breakpoint
CREATE INDEX `audit_key` ON `audit` (`key`);--> statement-breakpoint
CREATE INDEX `audit_removal` ON `audit` (`at`,`key`) WHERE action in ('disable', 'delete');--> statement-breakpoint
CREATE INDEX `audit_expiry` ON `audit` (`at`) WHERE action = 'expire';--> statement-breakpoint
CREATE INDEX `audit_resync` ON `audit` (`cause`,`action`) WHERE cause >= 'resync ' and cause < 'resync!';--> statement-breakpoint
CREATE TABLE `directory_object` (
	`key` integer PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`kind` text NOT NULL,
	`state` text NOT NULL,
	`properties` text,
	`read` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `directory_object_id` ON `directory_object` (`id`);--> statement-breakpoint
CREATE INDEX `directory_object_group` ON `directory_object` (`key`) WHERE kind = 'group';--> statement-breakpoint
CREATE INDEX `directory_object_gone` ON `directory_object` (`read`) WHERE state = 'gone';--> statement-breakpoint
CREATE TABLE `group_reach` (
	`root_key` integer NOT NULL,
	`group_key` integer NOT NULL,
	PRIMARY KEY(`group_key`, `root_key`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE TABLE `hold` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`status` text NOT NULL,
	`created_at` integer NOT NULL,
	`decided_at` integer,
	`decided_by` text,
	`superseded_by` integer,
	`people` integer NOT NULL,
	`removal_limit` integer NOT NULL,
	`removed_in_window` integer NOT NULL,
	`enabled_accounts` integer NOT NULL,
	`cause` text NOT NULL
);
--> statement-breakpoint
CREATE INDEX `hold_closed` ON `hold` (`decided_at`) WHERE status <> 'open';--> statement-breakpoint
CREATE TABLE `membership` (
	`group_key` integer NOT NULL,
	`member_key` integer NOT NULL,
	`nested` integer NOT NULL,
	`read` integer NOT NULL,
	PRIMARY KEY(`group_key`, `member_key`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `membership_member` ON `membership` (`member_key`,`group_key`);--> statement-breakpoint
CREATE INDEX `membership_nested` ON `membership` (`group_key`,`member_key`) WHERE nested = 1;--> statement-breakpoint
CREATE TABLE `meta` (
	`key` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `notification` (
	`id` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`received_at` integer NOT NULL,
	`verdict` text NOT NULL,
	`kind` text NOT NULL,
	`subscription_id` text,
	`event` text,
	`resource` text,
	`object_id` text,
	`count` integer DEFAULT 1 NOT NULL
);
--> statement-breakpoint
CREATE INDEX `notification_rejected` ON `notification` (`id`) WHERE verdict <> 'accepted';--> statement-breakpoint
CREATE TABLE `person_issue` (
	`key` integer PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`detail` text NOT NULL,
	`login_key` text,
	`since` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `person_issue_login` ON `person_issue` (`login_key`);--> statement-breakpoint
CREATE TABLE `ping` (
	`resource` text NOT NULL,
	`object_id` text NOT NULL,
	`version` integer DEFAULT 1 NOT NULL,
	`first_at` integer NOT NULL,
	`due_at` integer NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`shown` integer DEFAULT 0 NOT NULL,
	`error` text,
	PRIMARY KEY(`resource`, `object_id`)
) WITHOUT ROWID;
--> statement-breakpoint
CREATE INDEX `ping_due` ON `ping` (`resource`,`due_at`);--> statement-breakpoint
CREATE TABLE `published_group` (
	`key` integer PRIMARY KEY NOT NULL,
	`external_id` text NOT NULL,
	`name` text NOT NULL,
	`present` integer NOT NULL,
	`revision` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `published_group_revision` ON `published_group` (`revision`);--> statement-breakpoint
CREATE TABLE `refusal` (
	`target` text NOT NULL,
	`key` integer NOT NULL,
	`reason` text NOT NULL,
	`at` integer NOT NULL,
	PRIMARY KEY(`target`, `key`)
);
--> statement-breakpoint
CREATE INDEX `refusal_key` ON `refusal` (`key`);--> statement-breakpoint
CREATE TABLE `relevant_group` (
	`key` integer PRIMARY KEY NOT NULL,
	`scope` integer NOT NULL,
	`publish` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `removal` (
	`key` integer PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`how` text NOT NULL,
	`reason` text NOT NULL,
	`cause` text NOT NULL,
	`hold_id` integer,
	`proposed_at` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `removal_state` ON `removal` (`state`);--> statement-breakpoint
CREATE INDEX `removal_hold` ON `removal` (`hold_id`);--> statement-breakpoint
CREATE TABLE `run` (
	`id` text PRIMARY KEY NOT NULL,
	`kind` text NOT NULL,
	`dry_run` integer DEFAULT 0 NOT NULL,
	`person` text,
	`status` text NOT NULL,
	`requested_by` text NOT NULL,
	`requested_at` integer NOT NULL,
	`started_at` integer,
	`finished_at` integer,
	`since_read` integer,
	`phase` text,
	`counts` text,
	`plan` text,
	`error` text
);
--> statement-breakpoint
CREATE INDEX `run_requested` ON `run` (`requested_at`);--> statement-breakpoint
CREATE INDEX `run_unfinished` ON `run` (`requested_at`) WHERE status in ('queued', 'running');--> statement-breakpoint
CREATE INDEX `run_plan` ON `run` (`requested_at`) WHERE plan is not null;--> statement-breakpoint
CREATE TABLE `stream` (
	`name` text PRIMARY KEY NOT NULL,
	`selected` text NOT NULL,
	`delta_link` text,
	`round` text,
	`next_link` text,
	`round_read` integer,
	`round_started_at` integer,
	`round_pages` integer DEFAULT 0 NOT NULL,
	`round_objects` integer DEFAULT 0 NOT NULL,
	`round_invalid` integer DEFAULT 0 NOT NULL,
	`sweep_read` integer,
	`full_read` integer,
	`full_objects` integer DEFAULT 0 NOT NULL,
	`full_completed_at` integer,
	`completed_at` integer,
	`full_wanted` integer DEFAULT 0 NOT NULL,
	`due_at` integer NOT NULL,
	`attempt` integer DEFAULT 0 NOT NULL,
	`error` text
);
--> statement-breakpoint
CREATE TABLE `subscription` (
	`id` text PRIMARY KEY NOT NULL,
	`resource` text NOT NULL,
	`client_state` text NOT NULL,
	`notification_url` text NOT NULL,
	`expires_at` integer NOT NULL,
	`created_at` integer NOT NULL,
	`touched_at` integer NOT NULL,
	`challenged_at` integer,
	`lost_at` integer
);
--> statement-breakpoint
CREATE TABLE `target_state` (
	`name` text PRIMARY KEY NOT NULL,
	`revision` integer DEFAULT 0 NOT NULL,
	`applied_at` integer,
	`failing_since` integer,
	`error` text,
	`compared_read` integer,
	`compared_at` integer,
	`repaired` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE `unsettled` (
	`key` integer PRIMARY KEY NOT NULL,
	`cause` text NOT NULL,
	`pinged_at` integer
);
--> statement-breakpoint
CREATE INDEX `unsettled_pinged` ON `unsettled` (`key`) WHERE pinged_at is not null;