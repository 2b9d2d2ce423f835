//! The Japanese text of the pages: one entry a text, with its placeholders. `en.rs` has the same.

use super::super::markup::{Markup, ToMarkup};

reference! {
    // Around every page
    own_name = "日本語";
    settings_site = "設定サイト";
    page_title(title, site) = "{title}｜{site}";
    error_title(title, site) = "エラー：{title}｜{site}";
    skip = "本文へ移動";
    logged_in = "ログイン中";
    idle_limit(limit) = "{limit}間操作がない場合は、自動的にログアウトします。";
    where_to_set_up(number, line, number_unit, admin_user) = r#"仮パスワードの設定：契約回線から、仮パスワード設定番号{number}（有料）へお電話ください。ガイダンスが流れたら、現在の認証単位の番号（回線単位は「{line}」、電話番号単位は「{number_unit}」、管理者/ユーザ単位は「{admin_user}」）を押します。ご契約電話番号から異なる認証単位を選ぶと、ほかのパスワードは無効になります。<a href="/guide#set-up">設定の手順</a>"#;
    where_to_set_up_again(number, key, unit) = r#"仮パスワードの設定：契約回線から、仮パスワード設定番号{number}（有料）へお電話ください。ガイダンスが流れたら、「{key}」（{unit}）を押します。ご契約電話番号から異なる認証単位を選ぶと、ほかのパスワードは無効になります。<a href="/guide#set-up">設定の手順</a>"#;
    questions(number) = "お問い合わせ：{number}";
    questions_with_hours(number, hours) = "お問い合わせ：{number}（受付時間：{hours}）";
    about_this_site = "ご案内";
    help = "ヘルプ";
    contact = "お問い合わせ";
    terms = "利用規約";
    privacy = "プライバシーポリシー";
    idle_heading = "まもなくログアウトします";
    idle_warning(time) = "しばらく操作がないため、{time}以内に自動的にログアウトします。ログアウトすると、入力の途中の内容は失われます。";
    lifetime_warning(hours, time) = "ログインしてから{hours}時間が経過するため、{time}以内に自動的にログアウトします。ログアウトすると、入力の途中の内容は失われます。続ける場合は、ログアウトした後に、もう一度ログインしてください。";
    close = "閉じる";
    stay_logged_in = "ログインを続ける";
    show = "表示";
    show_field(field) = "{field}を表示";
    caps_lock = "Caps Lockがオンになっています。";
    seconds(count) = "{count}秒";
    minutes(count) = "{count}分";
    date_and_time(year, month, day, weekday, hour, minute) = "{year}年{month}{day}日（{weekday}）{hour}時{minute}分";
    month(number) = "{number}月";
    weekday(number) = { number:
        "1" => "月", "2" => "火", "3" => "水", "4" => "木", "5" => "金", "6" => "土", _ => "日"
    };

    // Names
    log_in = "ログイン";
    log_out = "ログアウト";
    home = "トップページ";
    top = "設定サイトトップ";
    guide = "ご利用ガイド";
    accessibility = "アクセシビリティ";
    change_password = "パスワード変更";
    change_unit = "認証単位変更";
    other_settings = "その他の設定";
    phone_number = "電話番号";
    password = "パスワード";
    unit = "認証単位";
    unit_line = "回線単位";
    unit_number = "電話番号単位";
    unit_admin_user = "管理者/ユーザ単位";
    administrator = "管理者";
    user = "ユーザ";
    cautions = "ご注意";

    // Kinds of notices
    kind_error = "エラー";
    kind_warning = "ご注意";
    kind_good = "完了";
    kind_info = "お知らせ";

    // Forms
    required = "※必須";
    mistake(message) = "＊{message}";
    other_mistakes(count) = "ほか{count}件";
    back_without_change = "変更しないで戻る";
    check_your_entries = "入力内容をご確認ください";
    password_of(number) = r#"<span class="number">{number}</span>のパスワード"#;
    password_of_row(number) = r#"<span class="number">{number}</span><span class="unseen">のパスワード</span>"#;
    all_required = "すべての入力欄が必須です。";

    // The entry page
    about_site = "電話番号とパスワードでログインして、パスワードと認証単位を変更するサイトです。";
    what_the_site_does = "電話番号とパスワード（はじめてログインするときは仮パスワード）でログインして、設定を変更します。";
    notices = "お知らせ";
    first_time = "はじめてご利用になる方へ";
    first_steps(number, digits) = r#"はじめに、契約回線から仮パスワード設定番号{number}（有料）に電話をかけて、{digits}桁の数字の仮パスワードを設定してください。手順は<a href="/guide">ご利用ガイド</a>をご覧ください。"#;
    environment = "推奨環境";
    environment_browsers = "パソコン、スマートフォン、タブレットなどの、最新版のブラウザ（Chrome、Edge、Firefox、Safari）でご利用ください。";
    environment_cookies = "ブラウザの設定で、Cookieを有効にしてください。";
    environment_limits = "ご利用の端末、ブラウザなどの条件により、正しく画面が表示されない場合があります。";

    // How to set a temporary password again
    other_unit = "ご契約電話番号から現在と異なる認証単位を選ぶと、認証単位が変更され、同じご契約で設定済みのほかのパスワードと仮パスワードは無効になります。";
    recover(number, key, unit) = "契約回線から仮パスワード設定番号{number}（有料）に電話をかけ、「<strong>{key}</strong>」（{unit}）を押して、仮パスワードを設定してください。その後、その仮パスワードでログインしてください。";

    // The login
    login_refused = "ログインできませんでした";
    login_refused_advice = r##"電話番号とパスワードを確認できませんでした。もう一度入力しても同じ場合は、<a href="#lost">ログインできない場合</a>をご覧ください。"##;
    about_number = r##"例：06-0000-0000（ハイフンはなくてもかまいません）。どの電話番号かは、<a href="#which-number">入力する電話番号</a>をご覧ください。"##;
    about_password = "半角で、前後に空白を入れずに入力してください。英字の大文字と小文字は区別されます。はじめてログインするときと、仮パスワードを設定し直した直後は、電話で設定した仮パスワードを入力してください。";
    enter_number = "電話番号を入力してください。";
    enter_whole_number(min, max) = "電話番号は、市外局番から{min}桁または{max}桁で入力してください。";
    enter_password = "パスワードを入力してください。";
    check_number = "電話番号をご確認ください。";
    check_password = "パスワードを入力し直してください。";
    which_number = "入力する電話番号";
    which_number_depends = "仮パスワードを設定したときに選んだ認証単位によって異なります。";
    contract_number = "ご契約電話番号";
    contract_number_too = "追加番号で本サービスをご契約の場合も、ご契約電話番号を入力してください。";
    number_to_configure = "設定を変更する電話番号";
    administrators_number = "管理者：ご契約電話番号";
    users_number = "ユーザ：設定を変更する電話番号";
    administrator_and_user_may = "管理者はすべての電話番号の設定を、ユーザはその電話番号の設定を変更できます。";
    where_the_contract_number_is = "ご契約電話番号は、「ひかり電話サービスお申込み内容のご案内」などの書面に記載の番号です。";
    cannot_log_in = "ログインできない場合";
    no_login_if = "次の場合は、ログインできません。";
    no_login_wrong = "電話番号またはパスワードに誤りがある場合（前後の空白、全角での入力、大文字と小文字の違いを含みます）";
    no_login_unit = "認証単位と異なる電話番号を入力した場合";
    no_login_expired(hours) = "仮パスワードを設定してから{hours}時間以上経過した場合";
    no_login_void(temporary, password) = "仮パスワードを{temporary}回連続で、またはパスワードを{password}回連続で間違えて、無効になった場合";
    set_temporary = "仮パスワードを設定する";
    set_temporary_when(number) = "はじめて接続する場合、パスワードまたは仮パスワードが無効になった場合、お忘れの場合は、契約回線から仮パスワード設定番号{number}（有料）に電話をかけて、仮パスワードを設定してください。";
    press_the_unit = "ガイダンスが流れたら、認証単位を選んで押します。";
    press_line(key) = "回線単位：「{key}」";
    press_number(key) = "電話番号単位：「{key}」";
    press_admin_user(key) = "管理者/ユーザ単位：「{key}」";
    press_phone_number = "電話番号を入力するガイダンスが流れたら、仮パスワードを設定する電話番号を市外局番から押し、最後に「#」を押します。";
    press_temporary(digits) = "設定したい仮パスワード（{digits}桁の数字）を2回押します。";
    same_unit(other_unit) = "<strong>すでに認証単位をお選びの場合は、同じ認証単位を選んでください。</strong>{other_unit}";

    // The password change
    change_refused = "パスワードを変更できませんでした";
    first_change = "はじめに、パスワードを変更してください";
    temporary_until(machine_time, time) = r#"仮パスワードでログインしています。この仮パスワードは<strong><time datetime="{machine_time}">{time}</time></strong>まで有効です。"#;
    first_change_then(days) = "これから使うパスワードを設定すると、ほかの設定に進めます。新しいパスワードの有効期限は、変更した日から{days}日間です。";
    password_expired = "パスワードの有効期限が切れています";
    expired_after(days) = "最後に変更してから{days}日が経過しました。新しいパスワードを設定すると、ほかの設定に進めます。";
    valid_for(days) = "新しいパスワードの有効期限は、変更した日から{days}日間です。";
    current = "現在のパスワード";
    about_current_temporary = "電話で設定した仮パスワードを、半角で、前後に空白を入れずに入力してください。";
    about_current = "ログインしたときのパスワードを、半角で、前後に空白を入れずに入力してください。英字の大文字と小文字は区別されます。";
    new_password = "新しいパスワード";
    about_new(min, max) = "半角英数字{min}桁～{max}桁で、空白を入れずに入力してください。数字のみの設定はできません。英字の大文字と小文字は区別されます。";
    new_again = "新しいパスワード（確認）";
    about_new_again = "確認のため、もう一度同じパスワードを入力してください。";
    hard_to_guess = "不正アクセスを防止するため、他人が推測しにくいパスワードを設定し、定期的に変更してください。";
    not_the_same = "現在のパスワードと同一のパスワードは設定できません。";
    wrong_temporary_voids(count, number, key, unit) = "仮パスワードを{count}回連続で間違えると、無効になります。その場合と、お忘れの場合は、契約回線から仮パスワード設定番号{number}（有料）に電話をかけ、「<strong>{key}</strong>」（{unit}）を押して、仮パスワードの設定からやり直してください。";
    wrong_password_voids(count, number, key, unit) = "パスワードを{count}回連続で間違えると、無効になります。その場合と、お忘れの場合は、契約回線から仮パスワード設定番号{number}（有料）に電話をかけ、「<strong>{key}</strong>」（{unit}）を押して、仮パスワードの設定からやり直してください。";
    enter_current = "現在のパスワードを入力してください。";
    enter_new = "新しいパスワードを入力してください。";
    enter_new_again = "確認のため、新しいパスワードをもう一度入力してください。";
    wrong_current_temporary(count, left) = "現在のパスワードが正しくありません。もう一度入力してください。仮パスワードは、{count}回連続で間違えると無効になります（あと{left}回）。";
    wrong_current(count, left) = "現在のパスワードが正しくありません。もう一度入力してください。パスワードは、{count}回連続で間違えると無効になります（あと{left}回）。";
    too_short(min) = "新しいパスワードは、{min}桁以上で入力してください。";
    too_long(max) = "新しいパスワードは、{max}桁以内で入力してください。";
    not_alphanumeric = "新しいパスワードには、半角英数字だけを使用してください。";
    digits_only = "数字のみの設定はできません。英字も入れてください。";
    not_same_twice = "確認用のパスワードが一致しません。「新しいパスワード」と同じものを入力してください。";
    same_as_current = "現在のパスワードと同一のものは設定できません。別のパスワードを入力してください。";
    too_common = "多くの人が使っているパスワードは設定できません。別のパスワードを入力してください。";

    // The top page
    top_after_change = "パスワードを変更しました：設定サイトトップ";
    password_changed = "<strong>パスワードを変更しました。</strong>次にログインするときは、新しいパスワードを入力してください。";
    ends_soon = "パスワードの有効期限が近づいています";
    ends_soon_advice(time) = r#"現在のパスワードは<strong>{time}</strong>まで有効です。期限を過ぎると、ログインした後、はじめにパスワードを変更していただきます。お早めに<a href="/password">パスワードを変更</a>してください。"#;
    password_end = "パスワードの有効期限";
    days_left(days) = { days: "0" => "有効期限まで24時間未満です", _ => "有効期限まであと{days}日" };
    valid_until(machine_time, time) = r#"<time datetime="{machine_time}" id="good-until">{time}</time>まで有効です。"#;
    about_change_password = "ログインに使うパスワードを変更します。";
    about_change_unit = "どの電話番号でログインするかを変更します。";
    this_login = "ご利用中のログイン";
    login_number = "ログインした電話番号";
    number_with_role(number, role) = r#"<span class="number">{number}</span>（{role}）"#;
    configurable_numbers = "設定できる電話番号";
    phone_numbers(count) = "{count}件の電話番号";
    history = "これまでのご利用";
    previous_login = "前回のログイン";
    failures_since = "前回のログインの後に、パスワードを間違えた回数";
    last_temporary = "最後の仮パスワード設定";
    none = "ありません";
    times(count) = "{count}回";
    if_not_you = r#"お心当たりがない場合は、<a href="/password">パスワードを変更</a>してください。"#;
    login_from(time, address) = "{time}（IPアドレス {address}）";
    set_by_call(time, number) = "{time}（{number}からのお電話）";
    set_by_help_desk(time) = "{time}（お客様窓口）";

    // The unit change
    unit_in_force(unit) = r#"現在の認証単位は<strong id="in-force">{unit}</strong>です。変更後の認証単位を選んでください。"#;
    in_force = "現在の認証単位";
    about_line = "ご契約電話番号でログインして、すべての電話番号の設定を変更します。";
    about_number_unit = "電話番号ごとにログインして、その電話番号の設定を変更します。";
    about_admin_user = "管理者（ご契約電話番号）はすべての電話番号の設定を、ユーザ（追加番号）はその電話番号の設定を変更します。";
    change_unit_title(unit) = "認証単位変更（{unit}）";
    change_unit_to(unit) = "認証単位を{unit}に変更";
    unit_blocked = "現在、認証単位を変更できません";
    blocked_why = "次の電話番号のパスワードは、連続で間違えたため無効になっているか、まだ設定されていません。何も変更されていません。";
    blocked_advice(number, key, unit) = "契約回線から仮パスワード設定番号{number}（有料）に電話をかけ、「<strong>{key}</strong>」（{unit}）を押して、上記の電話番号の仮パスワードを設定してください。次に、その仮パスワードでログインして、パスワードに変更してください。";
    unit_refused = "認証単位を変更できませんでした";
    unit_refused_some = "何も変更されていません。「確認済み」とある電話番号のパスワードは、入力し直す必要はありません。";
    unit_refused_all = "何も変更されていません。すべての電話番号のパスワードを、もう一度入力してください。";
    new_unit = "変更後の認証単位";
    new_logins = "変更後のログイン";
    new_logins_each = "変更後のログイン（電話番号ごと）";
    password_will_be_void = "現在のパスワードは無効になります";
    temporary_will_be_void = "現在の仮パスワードは無効になります";
    after_number_to_line = "変更後は、ご契約電話番号と、今回ログインしたときのパスワードでログインします。これまでのほかのパスワードは、ご契約電話番号のものも含めて無効になります。";
    after_from_line = "変更後は、それぞれの電話番号と、今回ログインしたときのパスワードでログインします。";
    after_number_to_admin_user = "変更後は、それぞれの電話番号と、その電話番号のこれまでのパスワードでログインします。ご契約電話番号にパスワードがない場合は、今回ログインしたときのパスワードになります。";
    after_admin_user_to_line = "変更後は、ご契約電話番号と、これまでのパスワードでログインします。ほかの電話番号のパスワードは無効になります。";
    after_admin_user_to_number = "変更後は、それぞれの電話番号と、その電話番号のこれまでのパスワードでログインします。";
    enter_each_password = "それぞれの電話番号のパスワードを、半角で、前後に空白を入れずに入力してください。英字の大文字と小文字は区別されます。";
    proven = "確認済み";
    takes_a_while = "電話番号が多い場合は、すべてのパスワードの確認に数分かかることがあります。結果が表示されるまで、画面を閉じないでお待ちください。";
    checking = "パスワードを確認しています。そのままお待ちください。";
    all_logged_out = "変更すると、この画面を含め、同じご契約でログイン中のすべての画面からログアウトします。";
    wrong_one_voids(count) = "パスワードを{count}回連続で間違えると、そのパスワードは無効になります。";
    unknown_password(number, key, unit) = "パスワードが分からない電話番号がある場合は、契約回線から仮パスワード設定番号{number}（有料）に電話をかけ、「<strong>{key}</strong>」（{unit}）を押して、その電話番号の仮パスワードを設定してください。次に、その仮パスワードでログインして、パスワードに変更してください。";
    wrong_of(number) = "{number}のパスワードが正しくありません。もう一度入力してください。";
    enter_password_of(number) = "{number}のパスワードを入力してください。";
    password_to_log_in = "ログインに使うパスワード";
    password_kept = "変更なし（これまでと同じパスワード）";
    password_copied(number) = "今回のログイン（{number}）と同じパスワード";
    temporary_needed = "仮パスワードの設定が必要です";
    logs_in_no_more = "ログインには使用しません";
    log_in_no_more(count) = "ログインに使用しない電話番号（{count}件）";
    unit_changed = "認証単位を変更しました";
    unit_changed_to(unit, logins) = "認証単位を<strong>{unit}</strong>に変更し、ログアウトしました。今後は、「{logins}」の電話番号とパスワードでログインしてください。";
    unit_changed_to_one(unit, logins, number) = r#"認証単位を<strong>{unit}</strong>に変更し、ログアウトしました。今後は、電話番号<strong class="number">{number}</strong>と、「{logins}」にあるパスワードでログインしてください。"#;
    logins_from_now = "今後のログイン";
    password_is_now_void = "これまでのパスワードは無効になりました";
    temporary_is_now_void = "これまでの仮パスワードは無効になりました";
    set_the_needed(needed, number, key, unit, digits) = "「{needed}」とある電話番号は、契約回線から仮パスワード設定番号{number}（有料）に電話をかけ、「<strong>{key}</strong>」（{unit}）を押して、{digits}桁の数字の仮パスワードを設定してから、ログインしてください。";
    keep_this = "お忘れにならないよう、この画面を閉じる前にご確認ください。";
    to_login = "ログインする";
    print = "印刷する";

    // Ends of sessions
    logged_out = "ログアウトしました";
    goodbye(site) = "{site}のご利用を終了しました。ブラウザの「閉じる」ボタンを押して、画面を閉じてください。";
    timed_out(limit) = "{limit}間操作がなかったため、自動的にログアウトしました。";
    past_lifetime(hours) = "ログインしてから{hours}時間が経過したため、自動的にログアウトしました。";
    nothing_kept = "入力の途中の内容は、保存されていません。続ける場合は、もう一度ログインしてください。";
    temporary_expired = "仮パスワードの有効期限が切れました";
    temporary_expired_after(hours) = "仮パスワードを設定してから{hours}時間が経過したため、仮パスワードが無効になりました。パスワードは変更されていません。";
    password_void = "パスワードが無効になりました";
    password_void_why = "連続で間違えたため、ログインに使用したパスワードまたは仮パスワードが無効になりました。自動的にログアウトしました。何も変更されていません。";
    password_was_changed = "パスワードが変更されました";
    ended_by_password = "パスワードの変更により、この画面のログインの状態は終了しました。";
    log_in_with_new = "続ける場合は、新しいパスワードでログインしてください。";
    session_over = "ログインの状態が終了しています";
    ended_elsewhere = "ほかの画面や電話での設定の変更、電話会社での手続きなどにより、ログインの状態が終了しました。";
    form_changed_nothing = "今回送信された内容では、何も変更していません。";
    ended_before_form = "送信の前に、ログアウトなどにより、ログインの状態が終了していました。";
    sent_again = "同じ内容を繰り返し送信した場合は、はじめの送信で変更が完了していることがあります。";
    log_in_to_go_on = "続ける場合は、もう一度ログインしてください。";
    log_in_again = "もう一度ログインする";

    // Error pages
    not_found = "お探しのページが見つかりません";
    not_found_why = "アドレス（URL）に誤りがあるか、ページが移動または削除された可能性があります。アドレスをご確認いただくか、下のボタンからお進みください。";
    method_not_allowed = "この操作はできません";
    method_not_allowed_why = "この画面は、直接開くことができません。下のボタンからお進みください。";
    not_readable = "送信された内容を確認できませんでした";
    malformed_why = "送信された内容を読み取ることができませんでした。何も変更されていません。もう一度、はじめから操作してください。";
    too_large_why = "送信された内容が大きすぎるため、受け付けることができませんでした。何も変更されていません。もう一度、はじめから操作してください。";
    form_outdated = "この画面は有効ではなくなりました";
    form_outdated_why = "画面を開いてから時間が経過したか、別の画面（タブ）で操作が行われたため、送信された内容を受け付けることができませんでした。何も変更されていません。もう一度、はじめから操作してください。";
    form_outdated_again = "この画面が繰り返し表示される場合は、ブラウザの設定でCookieを有効にしてください。";
    rate_limited = "しばらくお待ちください";
    rate_limited_why(wait) = "短い時間に何度も操作されたため、受付を一時停止しています。<strong>{wait}</strong>ほどお待ちいただいてから、もう一度操作してください。パスワードの間違いには数えていません。";
    unavailable = "ただいまご利用いただけません";
    unavailable_why(wait) = "ただいま大変混み合っているか、メンテナンス中です。<strong>{wait}</strong>ほどお待ちいただいてから、もう一度操作してください。";
    unavailable_for_form(wait) = "ただいま大変混み合っているか、メンテナンス中です。<strong>{wait}</strong>ほどお待ちいただいてから、もう一度操作してください。パスワードの間違いには数えていません。";
    outcome_unknown = "変更されたかどうか、ご確認ください";
    outcome_unknown_why = "変更の途中で、応答が途切れました。変更は、完了している場合があります。";
    outcome_unknown_advice(wait) = "<strong>{wait}</strong>ほどお待ちいただいてからログインして、変更されたかどうかをご確認ください。";
    void_elsewhere_why = "ほかの画面でパスワードを連続して間違えたため、ログインに使用したパスワードまたは仮パスワードが無効になっています。何も変更されていません。この画面のログインは続いていますが、パスワードは変更できません。";
    changed_elsewhere = "契約の内容が変更されています";
    changed_elsewhere_why = "画面を開いた後に、ほかの画面や電話で契約の内容（認証単位やパスワード）が変更されたため、認証単位変更を受け付けることができませんでした。何も変更されていません。パスワードの間違いにも数えていません。";
    changed_elsewhere_advice = "設定サイトトップで現在の内容をご確認のうえ、もう一度操作してください。";
    not_allowed = "認証単位を変更できません";
    not_allowed_why = "ユーザは、認証単位を変更できません。変更する場合は、管理者（ご契約電話番号）でログインしてください。";
    internal = "エラーが発生しました";
    internal_why = "システムにエラーが発生しました。しばらくお待ちいただいてから、もう一度操作してください。";
    back_to_login = "ログイン画面へ戻る";
    back_to_password = "パスワード変更へ戻る";
    back_to_unit = "認証単位変更へ戻る";
    to_top = "設定サイトトップへ";
    to_home = "トップページへ";

    // The guide
    about_guide = "仮パスワードの設定、ログイン、パスワード変更、認証単位変更の手順です。";
    set_up = "仮パスワードの設定";
    about_passwords = "パスワードについて";
    logging_out = "ログアウト（終了）";
    set_up_when = "はじめて接続するとき、パスワードまたは仮パスワードが無効になったとき、お忘れになったときは、お電話で仮パスワードを設定してください。ダイヤルする前に、仮パスワードを設定する認証単位をお選びください。";
    set_up_line = "回線単位に設定する場合";
    set_up_number = "電話番号単位に設定する場合";
    set_up_admin_user = "管理者/ユーザ単位に設定する場合";
    dial_set_up(number) = "契約回線から、仮パスワード設定番号{number}（有料）へダイヤルします。";
    dial_unit(key) = "ガイダンスが流れたら、「{key}」をダイヤルします。";
    dial_number = "本サービスを契約している電話番号を市外局番からダイヤルし、最後に「#」を押します。";
    dial_number_as_administrator = "ご契約電話番号からおかけの場合は、本サービスを契約している電話番号（管理者の仮パスワードを設定する場合は、ご契約電話番号）を市外局番からダイヤルし、最後に「#」を押します。追加番号からおかけの場合は、この手順はありません。";
    dial_temporary(digits) = "設定したい仮パスワード（{digits}桁の数字）をダイヤルします。";
    dial_again = "確認のため、もう一度仮パスワードをダイヤルします。";
    dial_done = "「仮パスワードの設定が完了しました」というガイダンスが流れたら、設定は完了です。";
    misdialled(count) = "誤ってダイヤルした場合は、「入力された番号が正しくありません。もう一度押してください。」というガイダンスが流れます。{count}回誤ってダイヤルした場合は、一度電話を切り、手順1からやり直してください。";
    temporary_lifetime(hours) = "仮パスワードの有効期間は{hours}時間です。設定後{hours}時間以上経過すると無効となりますので、再度、同様の手順で仮パスワードを設定してください。";
    unit_by_call(other_unit) = "<strong>{other_unit}</strong>追加番号からは、現在の認証単位だけを選べます。";
    connect_home = r#"<a href="/">トップページ</a>に接続し、「ログイン」をクリックします。"#;
    connect_log_in = "「電話番号」と「パスワード」（はじめて接続する場合は仮パスワード）を半角で入力し、「ログイン」をクリックします。";
    connect_change = "仮パスワードで接続した場合と、パスワードの有効期限が切れた場合は、パスワードの変更が必要です。「現在のパスワード」に仮パスワード（有効期限切れの場合は現在ご利用中のパスワード）を1回、「新しいパスワード」に今後使用するパスワードを2回入力し、「パスワード変更」をクリックします。";
    connect_number_depends = "入力する電話番号は、認証単位によって異なります。";
    password_form(min, max) = "新しいパスワードは、{min}桁～{max}桁の半角英数字で設定してください。数字のみの設定はできません。英字の大文字と小文字は区別されます。";
    password_not_same = "現在のパスワードと同一のパスワードを、新しいパスワードに設定することはできません。";
    password_advice = "不正アクセスを防止するため、他人が推測しにくい値を設定し、定期的に変更してください。";
    password_lifetime(days) = "パスワードの有効期限は{days}日間です。{days}日間パスワードの変更がなかった場合は、ログイン時に新しいパスワードを設定していただきます。";
    temporary_void_after(count) = "仮パスワードの入力を{count}回連続で間違えると、仮パスワードが無効となります。";
    password_void_after(count) = "パスワードの入力を{count}回連続で間違えると、パスワードが無効となります。";
    count_is_reset = "間違いの回数は、正常にログインすると0回に戻ります。ブラウザを閉じても、0回には戻りません。";
    void_then = r##"パスワードまたは仮パスワードが無効となった場合は、<a href="#set-up">仮パスワードの設定</a>からやり直してください。"##;
    settings_top = "ログインすると、設定サイトトップが表示されます。設定する項目をクリックしてください。";
    steps_password_open = "「パスワード変更」をクリックします。";
    steps_password_fill = "「現在のパスワード」を1回、「新しいパスワード」を2回入力します。";
    steps_unit_open = "「認証単位変更」をクリックし、変更後の認証単位をクリックします。";
    steps_unit_fill = "表示された電話番号のパスワードを入力し、「認証単位変更」をクリックします。";
    steps_unit_after = "変更後にログインする電話番号とパスワードをご確認ください。自動的にログアウトしますので、その電話番号とパスワードでログインし直してください。";
    users_keep_the_unit = "管理者/ユーザ単位のユーザは、認証単位を変更できません。";
    steps_log_out = "「ログアウト」をクリックします。";
    steps_close = "ブラウザの「閉じる」ボタンを押して、画面を閉じてください。";
    ends_by_itself(limit, hours) = "ログイン状態で{limit}間操作がなかった場合と、ログインから{hours}時間経過した場合は、自動的にログアウトします。";
    caution_tls(site) = "{site}への接続は、SSL（TLS）によって暗号化されています。";
    caution_charges = "ご利用の通信サービスにより、通信料、パケット通信料などがかかる場合があります。";
    caution_one_window = "各種設定を行うときは、ブラウザは1画面のみでご利用ください。別の画面で設定を変更すると、開いたままの画面からは変更できなくなる場合があります。";

    // The accessibility page
    about_accessibility(site) = "{site}のアクセシビリティへの取り組みと、お問い合わせ先です。";
    accessibility_goal(site) = "どなたにもご利用いただけるよう、JIS X 8341-3:2016とWCAG 2.2のレベルAAに沿うことを目標に、{site}を制作しています。";
    offers = "対応していること";
    offers_keyboard = "すべての操作を、キーボードだけで行うことができます。";
    offers_screen_reader = "画面読み上げソフトのために、見出し、入力欄の名前、エラーの内容を文字で示しています。";
    offers_zoom = "文字を拡大しても、横に動かさずに読むことができます。";
    offers_colours = "端末の設定に応じて、暗い配色や高いコントラストの配色で表示します。";
    offers_without_script = "JavaScriptを無効にした状態でもご利用いただけます。";
    offers_mistakes = "入力した内容に誤りがある場合は、内容と直し方を、その入力欄に示します。";
    limits = "ご不便をおかけする場合があること";
    limits_idle(limit) = "{limit}間操作がない場合は、自動的にログアウトします。入力の途中の内容は保存されません。";
    limits_phone = "仮パスワードの設定には、電話での操作が必要です。";
    ask_by_phone(number) = "ご利用になりにくい点、電話で仮パスワードを設定できない場合のご相談は、{number}へお問い合わせください。";
    ask_by_phone_with_hours(number, hours) = "ご利用になりにくい点、電話で仮パスワードを設定できない場合のご相談は、{number}（受付時間：{hours}）へお問い合わせください。";
    ask_by_page(url) = r#"ご利用になりにくい点、電話で仮パスワードを設定できない場合のご相談は、<a href="{url}">お問い合わせの画面</a>からお知らせください。"#;
    ask_the_company = "ご利用になりにくい点、電話で仮パスワードを設定できない場合のご相談は、ご契約の電話会社へお問い合わせください。";
}
