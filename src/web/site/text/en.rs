//! The English text of the pages. The entries and their placeholders are those of `ja.rs`.

use super::super::markup::{Markup, ToMarkup};

table! {
    // Around every page
    own_name = "English";
    settings_site = "Subscriber Settings";
    page_title(title, site) = "{title} | {site}";
    error_title(title, site) = "Error: {title} | {site}";
    skip = "Skip to main content";
    logged_in = "Logged in as";
    idle_limit(limit) = "You are logged out automatically after {limit} without activity.";
    where_to_set_up(number, line, number_unit, admin_user) = r#"To set a temporary password, call the set-up number {number} (charges apply) from your contracted line. When you hear the guidance, press the key of the authentication unit that you use: {line} for the line unit, {number_unit} for the number unit, {admin_user} for the admin/user unit. If you already have an authentication unit and choose another one from the contract number, the authentication unit changes, and the other passwords and temporary passwords become invalid. <a href="/guide#set-up">The steps in full</a>"#;
    where_to_set_up_again(number, key, unit) = r#"To set a temporary password, call the set-up number {number} (charges apply) from your contracted line. When you hear the guidance, press {key} ({unit}). If you call from the contract number and choose another unit, the authentication unit changes, and the other passwords and temporary passwords become invalid. <a href="/guide#set-up">The steps in full</a>"#;
    questions(number) = "Questions: {number}";
    questions_with_hours(number, hours) = "Questions: {number} (hours: {hours})";
    about_this_site = "About this site";
    help = "Help";
    contact = "Contact us";
    terms = "Terms of use";
    privacy = "Privacy policy";
    idle_heading = "You will be logged out soon";
    idle_warning(time) = "There has been no activity for a while. You will be logged out automatically within {time}. What you have entered and not sent will be lost.";
    lifetime_warning(hours, time) = "You logged in almost {hours} hours ago, so you will be logged out automatically within {time}. What you have entered and not sent will be lost. To go on, please log in again after that.";
    close = "Close";
    stay_logged_in = "Stay logged in";
    show = "Show";
    show_field(field) = "Show: {field}";
    caps_lock = "Caps Lock is on.";
    seconds(count) = { count: "1" => "{count} second", _ => "{count} seconds" };
    minutes(count) = { count: "1" => "{count} minute", _ => "{count} minutes" };
    date_and_time(year, month, day, weekday, hour, minute) = "{weekday}, {day} {month} {year}, {hour}:{minute} (Japan time)";
    month(number) = { number:
        "1" => "January", "2" => "February", "3" => "March", "4" => "April", "5" => "May",
        "6" => "June", "7" => "July", "8" => "August", "9" => "September", "10" => "October",
        "11" => "November", _ => "December"
    };
    weekday(number) = { number:
        "1" => "Monday", "2" => "Tuesday", "3" => "Wednesday", "4" => "Thursday",
        "5" => "Friday", "6" => "Saturday", _ => "Sunday"
    };

    // Names
    log_in = "Log in";
    log_out = "Log out";
    home = "Home";
    top = "Top page";
    guide = "User guide";
    accessibility = "Accessibility";
    change_password = "Change password";
    change_unit = "Change authentication unit";
    other_settings = "Other settings";
    phone_number = "Phone number";
    password = "Password";
    unit = "Authentication unit";
    unit_line = "Line unit";
    unit_number = "Number unit";
    unit_admin_user = "Admin/user unit";
    the_unit_line = "the line unit";
    the_unit_number = "the number unit";
    the_unit_admin_user = "the admin/user unit";
    administrator = "administrator";
    user = "user";
    cautions = "Please note";

    // Kinds of notices
    kind_error = "Error";
    kind_warning = "Please note";
    kind_good = "Done";
    kind_info = "Notice";

    // Forms
    required = "(required)";
    mistake(message) = "* {message}";
    other_mistakes(count) = "{count} more";
    back_without_change = "Go back without changing";
    check_your_entries = "Please check what you have entered";
    password_of(number) = r#"Password for <span class="number">{number}</span>"#;
    password_of_row(number) = r#"<span class="unseen">Password for </span><span class="number">{number}</span>"#;
    all_required = "All fields are required.";

    // The entry page
    about_site = "Log in with your phone number and password to change your password and authentication unit.";
    what_the_site_does = "Log in with your phone number and password to change your settings. The first time you log in, use your temporary password.";
    notices = "Notices";
    first_time = "If this is your first time";
    first_steps(number, digits) = r#"First, call the set-up number {number} (charges apply) from your contracted line and set a temporary password of {digits} digits. The guidance on the telephone is in Japanese; the <a href="/guide">user guide</a> explains each step."#;
    environment = "Recommended environment";
    environment_browsers = "Please use the latest version of a browser (Chrome, Edge, Firefox or Safari) on a computer, smartphone or tablet.";
    environment_cookies = "Please allow cookies in the settings of your browser.";
    environment_limits = "Depending on your device, browser and other conditions, pages may not be displayed correctly.";

    // How to set a temporary password again
    other_unit = "If you call from the contract number and choose an authentication unit other than the current one, the authentication unit changes, and all other passwords and temporary passwords of your contract become invalid.";
    recover(number, key, unit) = "Call the set-up number {number} (charges apply) from your contracted line, press <strong>{key}</strong> ({unit}) and set a temporary password. Then log in with that temporary password.";

    // The login
    login_refused = "You could not be logged in";
    login_refused_advice = r##"The phone number and password could not be confirmed. If this happens again, please see “<a href="#lost">If you cannot log in</a>”."##;
    about_number = r##"Example: 06-0000-0000 (hyphens are optional). To find out which phone number to use, see “<a href="#which-number">Phone number to enter</a>”."##;
    about_password = "Please use half-width characters, without spaces before or after. Upper and lower case letters are different. The first time you log in, and after a temporary password has been set again, enter that temporary password.";
    enter_number = "Please enter your phone number.";
    enter_whole_number(min, max) = "Please enter the phone number with its area code, {min} or {max} digits in all.";
    enter_password = "Please enter your password.";
    check_number = "Please check the phone number.";
    check_password = "Please enter your password again.";
    which_number = "Phone number to enter";
    which_number_depends = "This depends on the authentication unit that you chose when you set your temporary password.";
    contract_number = "The contract number";
    contract_number_too = "Please enter the contract number also if an additional number has this service.";
    number_to_configure = "The phone number whose settings you want to change";
    administrators_number = "Administrator: the contract number";
    users_number = "User: the phone number whose settings you want to change";
    administrator_and_user_may = "The administrator can change the settings of all phone numbers, a user those of that phone number.";
    where_the_contract_number_is = r#"The contract number is printed on documents such as <span lang="ja">「ひかり電話サービスお申込み内容のご案内」</span> (the confirmation of your application)."#;
    cannot_log_in = "If you cannot log in";
    no_login_if = "You cannot log in in the following cases.";
    no_login_wrong = "The phone number or the password is wrong. A password is also wrong if it has a space before or after it, full-width characters, or upper case letters in place of lower case ones.";
    no_login_unit = "You have entered a phone number that does not log in under your authentication unit.";
    no_login_expired(hours) = "{hours} hours or more have passed since the temporary password was set.";
    no_login_void(temporary, password) = "A wrong temporary password was entered {temporary} times in a row, or a wrong password {password} times in a row, and it has become invalid.";
    set_temporary = "Set a temporary password";
    set_temporary_when(number) = "If this is your first time, if your password or temporary password has become invalid, or if you have forgotten it, call the set-up number {number} (charges apply) from your contracted line and set a temporary password. The guidance is in Japanese.";
    press_the_unit = "When you hear the guidance, press the key of the authentication unit.";
    press_line(key) = "Line unit: {key}";
    press_number(key) = "Number unit: {key}";
    press_admin_user(key) = "Admin/user unit: {key}";
    press_phone_number = "If the guidance asks for a phone number, key the phone number to set the temporary password for, with its area code, and then press #.";
    press_temporary(digits) = "Key the temporary password of your choice ({digits} digits) twice.";
    same_unit(other_unit) = "<strong>If you already have an authentication unit, please choose the same one.</strong> {other_unit}";

    // The password change
    change_refused = "The password could not be changed";
    first_change = "First, please change your password";
    temporary_until(machine_time, time) = r#"You are logged in with a temporary password. It is valid until <strong><time datetime="{machine_time}">{time}</time></strong>."#;
    first_change_then(days) = "Once you have set the password that you will use from now on, you can go on to the other settings. The new password is valid for {days} days from the day of the change.";
    password_expired = "Your password has expired";
    expired_after(days) = "{days} days have passed since you last changed it. Once you have set a new password, you can go on to the other settings. The new password is valid for {days} days from the day of the change.";
    valid_for(days) = "The new password is valid for {days} days from the day of the change.";
    current = "Current password";
    about_current_temporary = "Please enter the temporary password that you logged in with, in half-width digits, without spaces before or after.";
    about_current = "Please enter the password that you logged in with, in half-width characters, without spaces before or after. Upper and lower case letters are different.";
    new_password = "New password";
    about_new(min, max) = "Please enter {min} to {max} half-width letters and digits, without spaces. A password of digits alone is not possible. Upper and lower case letters are different.";
    new_again = "New password (again)";
    about_new_again = "To confirm it, please enter the same password again.";
    hard_to_guess = "To prevent unauthorised access, please choose a password that is hard for others to guess, and change it regularly.";
    not_the_same = "The new password must be different from the current one.";
    wrong_temporary_voids(count, number, key, unit) = "A temporary password becomes invalid when it is entered wrongly {count} times in a row. In that case, or if you have forgotten it, call the set-up number {number} (charges apply) from your contracted line, press <strong>{key}</strong> ({unit}) and start again by setting a temporary password.";
    wrong_password_voids(count, number, key, unit) = "A password becomes invalid when it is entered wrongly {count} times in a row. In that case, or if you have forgotten it, call the set-up number {number} (charges apply) from your contracted line, press <strong>{key}</strong> ({unit}) and start again by setting a temporary password.";
    enter_current = "Please enter your current password.";
    enter_new = "Please enter a new password.";
    enter_new_again = "To confirm it, please enter the new password again.";
    wrong_current_temporary(count, left) = "The current password is wrong. Please enter it again. A temporary password becomes invalid when it is entered wrongly {count} times in a row ({left} left).";
    wrong_current(count, left) = "The current password is wrong. Please enter it again. A password becomes invalid when it is entered wrongly {count} times in a row ({left} left).";
    too_short(min) = "The new password must have at least {min} characters.";
    too_long(max) = "The new password must have at most {max} characters.";
    not_alphanumeric = "Please use only half-width letters and digits in the new password.";
    digits_only = "A password of digits alone is not possible. Please use letters too.";
    not_same_twice = "The two new passwords do not match. Please enter the same password as in “New password”.";
    same_as_current = "The new password is the same as the current one. Please enter another password.";
    too_common = "Many people use this password. Please enter another one.";

    // The top page
    top_after_change = "Your password has been changed: Top page";
    password_changed = "<strong>Your password has been changed.</strong> Please use the new password the next time you log in.";
    ends_soon = "Your password expires soon";
    ends_soon_advice(time) = r#"Your current password is valid until <strong>{time}</strong>. After that you will have to change it when you log in. Please <a href="/password">change your password</a> before then."#;
    password_end = "Validity of your password";
    days_left(days) = { days:
        "0" => "Valid for less than 24 hours",
        "1" => "Valid for 1 more day",
        _ => "Valid for {days} more days"
    };
    valid_until(machine_time, time) = r#"Valid until <time datetime="{machine_time}" id="good-until">{time}</time>."#;
    about_change_password = "Change the password that you log in with.";
    about_change_unit = "Change which phone numbers log in.";
    this_login = "This login";
    login_number = "Logged in with";
    number_with_role(number, role) = r#"<span class="number">{number}</span> ({role})"#;
    configurable_numbers = "Phone numbers that you can configure";
    phone_numbers(count) = { count: "1" => "{count} phone number", _ => "{count} phone numbers" };
    history = "Earlier use";
    previous_login = "Previous login";
    failures_since = "Wrong passwords since the previous login";
    last_temporary = "Temporary password last set";
    none = "None";
    times(count) = "{count}";
    if_not_you = r#"If this was not you, please <a href="/password">change your password</a>."#;
    login_from(time, address) = "{time} (IP address {address})";
    set_by_call(time, number) = "{time} (call from {number})";
    set_by_help_desk(time) = "{time} (customer service)";

    // The unit change
    unit_in_force(unit) = r#"Your current authentication unit is <strong id="in-force">{unit}</strong>. Please choose the new one."#;
    in_force = "Current authentication unit";
    about_line = "You log in with the contract number and change the settings of all phone numbers.";
    about_number_unit = "You log in with each phone number separately and change the settings of that number.";
    about_admin_user = "The administrator (the contract number) changes the settings of all phone numbers; a user (an additional number) changes those of that phone number.";
    change_unit_title(unit) = "Change authentication unit ({unit})";
    change_unit_to(unit) = "Change authentication unit: {unit}";
    unit_blocked = "The authentication unit cannot be changed at present";
    blocked_why = "The passwords of the following phone numbers have become invalid, because they were entered wrongly several times in a row, or have not been set yet.";
    just_void(number) = r#"<span class="number">{number}</span> (has just become invalid because of this wrong entry)"#;
    blocked_advice(number, key, unit) = "Call the set-up number {number} (charges apply) from your contracted line, press <strong>{key}</strong> ({unit}) and set a temporary password for each of the phone numbers above. Then log in with that temporary password and change it to a password.";
    unit_refused = "The authentication unit could not be changed";
    unit_refused_some = "Nothing has been changed. You need not enter again the passwords of the phone numbers marked “Confirmed”.";
    unit_refused_own = "Nothing has been changed. Please enter again the password that you logged in with.";
    unit_refused_all = "Nothing has been changed. Please enter the passwords of all phone numbers again.";
    or_reload = "Instead of entering anything again, you can wait and then reload this page.";
    new_unit = "New authentication unit";
    new_logins = "Logging in after the change";
    new_logins_each = "Logging in after the change, for each phone number";
    password_will_be_void = "Its current password becomes invalid";
    temporary_will_be_void = "Its current temporary password becomes invalid";
    passwords_will_be_void(count) = { count:
        "1" => "The password or temporary password of {count} phone number becomes invalid",
        _ => "The passwords or temporary passwords of {count} phone numbers become invalid"
    };
    after_number_to_line = "After the change you log in with the contract number and the password that you used for this login. The passwords of the other phone numbers become invalid.";
    after_number_to_line_by_another = "After the change you log in with the contract number and the password that you used for this login. The password that the contract number has now becomes invalid, and so do the passwords of the other phone numbers.";
    after_from_line = "After the change each phone number logs in with the password that you used for this login.";
    after_number_to_admin_user = "After the change each phone number logs in with the password that it has now. If the contract number has none, it gets the password that you used for this login.";
    after_admin_user_to_line = "After the change you log in with the contract number and the password that it has now. The passwords of the other phone numbers become invalid.";
    after_with_own_passwords = "After the change each phone number logs in with the password that it has now.";
    enter_each_password = "Please enter the password of each phone number in half-width characters, without spaces before or after. Upper and lower case letters are different.";
    proven = "Confirmed";
    takes_a_while = "If there are many phone numbers, checking all passwords can take some minutes. Please keep this page open until you see the result.";
    checking = "The passwords are being checked. Please wait.";
    all_logged_out = "After the change, every page that is logged in to your contract is logged out, including this one.";
    wrong_one_voids(count) = "A password becomes invalid when it is entered wrongly {count} times in a row.";
    unknown_password(number, key, unit) = "If you do not know the password of a phone number, call the set-up number {number} (charges apply) from your contracted line, press <strong>{key}</strong> ({unit}) and set a temporary password for that phone number. Then log in with that temporary password and change it to a password.";
    forgotten_password(number, key, unit) = "If you have forgotten the password, call the set-up number {number} (charges apply) from your contracted line, press <strong>{key}</strong> ({unit}) and start again by setting a temporary password.";
    wrong_of(number) = "The password for {number} is wrong. Please enter it again.";
    enter_password_of(number) = "Please enter the password for {number}.";
    password_to_log_in = "Password to log in with";
    password_kept = "No change (the same password as before)";
    password_copied(number) = "The password of this login ({number})";
    temporary_needed = "A temporary password must be set";
    temporary_needed_by(count) = { count:
        "1" => "{count} phone number needs a temporary password",
        _ => "{count} phone numbers need a temporary password"
    };
    logs_in_no_more = "Does not log in";
    log_in_no_more(count) = "Phone numbers that do not log in ({count})";
    unit_changed = "The authentication unit has been changed";
    unit_changed_to(unit, logins) = "The authentication unit is now <strong>{unit}</strong>, and you have been logged out. From now on please log in with the phone numbers and passwords under “{logins}”.";
    unit_changed_to_one(unit, logins, number) = r#"The authentication unit is now <strong>{unit}</strong>, and you have been logged out. From now on please log in with <strong class="number">{number}</strong> and the password under “{logins}”."#;
    unit_changed_to_nothing(unit) = "The authentication unit is now <strong>{unit}</strong>, and you have been logged out. Before you can log in, a temporary password must be set.";
    logins_from_now = "Logging in from now on";
    password_is_now_void = "Its previous password is now invalid";
    temporary_is_now_void = "Its previous temporary password is now invalid";
    passwords_are_now_void(count) = { count:
        "1" => "The password or temporary password of {count} phone number is now invalid",
        _ => "The passwords or temporary passwords of {count} phone numbers are now invalid"
    };
    set_the_needed(needed, number, key, unit, digits) = "For the phone numbers marked “{needed}”: call the set-up number {number} (charges apply) from your contracted line, press <strong>{key}</strong> ({unit}) and set a temporary password of {digits} digits before you log in.";
    keep_this = "Please make a note of this before you close the page.";
    to_login = "Log in";
    print = "Print";

    // Ends of sessions
    logged_out = "You have been logged out";
    goodbye(site) = "Thank you for using {site}. Please close this page with your browser’s close button.";
    timed_out(limit) = "You have been logged out automatically, because there was no activity for {limit}.";
    past_lifetime(hours) = "You have been logged out automatically, because {hours} hours have passed since you logged in.";
    nothing_kept = "What you had entered and not sent has not been saved. To go on, please log in again.";
    temporary_expired = "The temporary password has expired";
    temporary_expired_after(hours) = "The temporary password has become invalid, because {hours} hours have passed since it was set. The password has not been changed.";
    password_void = "The password has become invalid";
    password_void_why = "The password or temporary password that you logged in with has become invalid, because it was entered wrongly several times in a row. You have been logged out automatically. Nothing has been changed.";
    password_was_changed = "The password has been changed";
    ended_by_password = "Your login on this page has ended, because the password has been changed.";
    log_in_with_new = "To go on, please log in with the new password.";
    session_over = "You are no longer logged in";
    ended_elsewhere = "Your login has ended, for example because of a change made from another page or by telephone, or a procedure at the telephone company.";
    form_changed_nothing = "What you have just sent has changed nothing.";
    ended_before_form = "Your login had already ended, for example because you had logged out.";
    sent_again = "If you sent the same form more than once, the first time may have made the change.";
    log_in_to_go_on = "To go on, please log in again.";
    log_in_with_what = r#"If a temporary password has been set since then, please log in with that. If the authentication unit has been changed, please log in with a phone number and password that log in after the change. Your previous password may be invalid. If you cannot log in, please see “<a href="/login#lost">If you cannot log in</a>”."#;
    log_in_again = "Log in again";

    // Error pages
    not_found = "This page was not found";
    not_found_why = "The address (URL) may be wrong, or the page may have been moved or removed. Please check the address, or go on with the button below.";
    method_not_allowed = "This is not possible";
    method_not_allowed_why = "This page cannot be opened directly. Please go on with the button below.";
    not_readable = "What you have sent could not be read";
    malformed_why = "What you have sent could not be read. Nothing has been changed. Please start again.";
    too_large_why = "What you have sent is too large and was not accepted. Nothing has been changed. Please start again.";
    form_outdated = "This page is no longer valid";
    form_outdated_why = "What you have sent was not accepted, because the page was opened too long ago or another page (tab) was used in the meantime. Nothing has been changed. Please start again.";
    form_outdated_again = "If you see this page repeatedly, please allow cookies in the settings of your browser.";
    rate_limited = "Please wait";
    rate_limited_why(wait) = "There were too many requests in a short time. Please wait about <strong>{wait}</strong> and try again. This has not been counted as a wrong password.";
    unavailable = "The site is not available at present";
    unavailable_why(wait) = "The site is very busy or under maintenance. Please wait about <strong>{wait}</strong> and try again.";
    unavailable_for_form(wait) = "The site is very busy or under maintenance. Please wait about <strong>{wait}</strong> and try again. This has not been counted as a wrong password.";
    outcome_unknown = "Please check whether the change was made";
    outcome_unknown_why = "The connection was interrupted during the change. The change may have been made.";
    outcome_unknown_advice(wait) = "Please wait about <strong>{wait}</strong>, log in, and check whether the change was made.";
    void_elsewhere_why = "The password or temporary password that you logged in with has become invalid, because it was entered wrongly several times in a row on another page. You are still logged in on this page, but you cannot change the password.";
    changed_elsewhere = "Your contract has changed";
    changed_elsewhere_why = "The authentication unit could not be changed, because your contract (its authentication unit or passwords) has changed since you opened this page. The change was made, for example, from another page, by telephone, or by a procedure at the telephone company. Nothing has been changed. This has not been counted as a wrong password.";
    changed_elsewhere_advice = "Please check the current state on the top page, and try again.";
    not_allowed = "You cannot change the authentication unit";
    not_allowed_why = "A user cannot change the authentication unit. To change it, please log in as the administrator (the contract number).";
    internal = "An error has occurred";
    internal_why = "An error has occurred in the system. Please wait a while and try again.";
    back_to_login = "Back to login";
    back_to_password = "Back to the password change";
    back_to_unit = "Back to the authentication unit";
    to_top = "To the top page";
    to_home = "To the home page";

    // The guide
    about_guide = "How to set a temporary password, log in, change your password and change the authentication unit.";
    set_up = "Setting a temporary password";
    about_passwords = "About passwords";
    logging_out = "Logging out";
    set_up_when = "Please set a temporary password by telephone if this is your first time, if your password or temporary password has become invalid, or if you have forgotten it. Before you call, please choose the authentication unit to set the temporary password for. The guidance is in Japanese; the steps below say what to press.";
    set_up_line = "For the line unit";
    set_up_number = "For the number unit";
    set_up_admin_user = "For the admin/user unit";
    dial_set_up(number) = "Call the set-up number {number} (charges apply) from your contracted line.";
    dial_unit(key) = "When you hear the guidance, press {key}.";
    dial_number = "Key a phone number that has this service, with its area code, and then press #.";
    dial_number_as_administrator = "If you call from the contract number, key a phone number that has this service (for the administrator’s temporary password, the contract number) with its area code, and then press #. If you call from an additional number, this step is left out.";
    dial_temporary(digits) = "Key the temporary password of your choice ({digits} digits).";
    dial_again = "Key the temporary password again to confirm it.";
    dial_done = r#"When you hear <span lang="ja">「仮パスワードの設定が完了しました」</span> (the temporary password has been set), you have finished."#;
    misdialled(count) = r#"If you press a wrong key, you hear <span lang="ja">「入力された番号が正しくありません。もう一度押してください。」</span> (the number is not correct; please press again). After {count} wrong entries, please hang up and start again from step 1."#;
    temporary_lifetime(hours) = "A temporary password is valid for {hours} hours. {hours} hours after it was set it becomes invalid; please set a temporary password again in the same way.";
    unit_by_call(other_unit) = "<strong>{other_unit}</strong> From an additional number you can choose only the current authentication unit.";
    connect_home = r#"Open the <a href="/">home page</a> and click “Log in”."#;
    connect_log_in = "Enter your phone number and your password (the first time, your temporary password) in half-width characters, and click “Log in”.";
    connect_change = "If you have logged in with a temporary password, or if your password has expired, you have to change it. Enter the temporary password (or your present password, if it has expired) once in “Current password” and the password that you will use from now on twice, in “New password” and “New password (again)”. Then click “Change password”.";
    connect_number_depends = "The phone number to enter depends on the authentication unit.";
    password_form(min, max) = "A new password has {min} to {max} half-width letters and digits. A password of digits alone is not possible. Upper and lower case letters are different.";
    password_not_same = "The new password must be different from the current one.";
    password_advice = "To prevent unauthorised access, please choose a password that is hard for others to guess, and change it regularly.";
    password_lifetime(days) = "A password is valid for {days} days. If it has not been changed for {days} days, you set a new one when you log in.";
    temporary_void_after(count) = "A temporary password becomes invalid when it is entered wrongly {count} times in a row.";
    password_void_after(count) = "A password becomes invalid when it is entered wrongly {count} times in a row.";
    count_is_reset = "A successful login sets the count of wrong entries back to 0. Closing the browser does not.";
    void_then = r##"If your password or temporary password has become invalid, please start again with “<a href="#set-up">Setting a temporary password</a>”."##;
    settings_top = "After the login you see the top page. Click what you want to set.";
    steps_password_open = "Click “Change password”.";
    steps_password_fill = "Enter your current password once, and the new password twice.";
    steps_unit_open = "Click “Change authentication unit”, and then the new authentication unit.";
    steps_unit_fill = "Enter the passwords of the phone numbers that are shown, and click “Change authentication unit”.";
    steps_unit_after = "Please check which phone numbers and passwords log in after the change. You are logged out automatically; please log in again with that phone number and password.";
    users_keep_the_unit = "A user of the admin/user unit cannot change the authentication unit.";
    steps_log_out = "Click “Log out”.";
    steps_close = "Close the page with your browser’s close button.";
    ends_by_itself(limit, hours) = "You are logged out automatically after {limit} without activity, and {hours} hours after you logged in.";
    caution_tls(site) = "The connection to {site} is encrypted by SSL (TLS).";
    caution_charges = "Depending on your communication service, data and other charges may apply.";
    caution_one_window = "Please use only one browser page when you change settings. If you change settings on another page, pages that are still open may no longer be able to change anything.";

    // The accessibility page
    about_accessibility(site) = "What {site} does for accessibility, and whom to ask.";
    accessibility_goal(site) = "So that everyone can use {site}, we aim for level AA of JIS X 8341-3:2016 and WCAG 2.2.";
    offers = "What we offer";
    offers_keyboard = "Everything can be done with the keyboard alone.";
    offers_screen_reader = "For screen readers, headings, names of fields and errors are given as text.";
    offers_zoom = "Enlarged text can be read without scrolling sideways.";
    offers_colours = "Pages follow your device’s setting for dark or high-contrast colours.";
    offers_without_script = "You can use the site with JavaScript turned off.";
    offers_mistakes = "If something you have entered is wrong, the field says what is wrong and how to correct it.";
    limits = "Where you may meet difficulties";
    limits_idle(limit) = "You are logged out automatically after {limit} without activity. What you have entered and not sent is not saved.";
    limits_phone = "A temporary password is set by telephone.";
    ask_by_phone(number) = "If something is hard to use, or if you cannot set a temporary password by telephone, please call {number}.";
    ask_by_phone_with_hours(number, hours) = "If something is hard to use, or if you cannot set a temporary password by telephone, please call {number} (hours: {hours}).";
    ask_by_page(url) = r#"If something is hard to use, or if you cannot set a temporary password by telephone, please tell us on our <a href="{url}">contact page</a>."#;
    ask_the_company = "If something is hard to use, or if you cannot set a temporary password by telephone, please ask your telephone company.";
}
