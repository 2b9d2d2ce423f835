//! The operator's identity, and the explanations for everyone (W10).

use jiff::{Timestamp, Unit};
use karipass::clock;
use reqwest::header::{CACHE_CONTROL, CONTENT_TYPE};

use super::browser::{Browser, title};
use crate::site::{self, NUMBER, RIGHT, Service};
use crate::support;

#[tokio::test(flavor = "multi_thread")]
async fn w10_the_operators_identity_is_on_every_page() {
    let folder = tempfile::tempdir().unwrap();
    let logo = folder.path().join("logo");
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    std::fs::write(&logo, svg).unwrap();
    let (database, _) = site::contracted("password").await;
    let variables = [
        ("KARIPASS_SITE_NAME", "電話の窓口"),
        ("KARIPASS_SITE_COMPANY", "電話の会社"),
        ("KARIPASS_SITE_LOGO_FILE", logo.to_str().unwrap()),
        ("KARIPASS_SITE_ACCENT_COLOR", "#00665a"),
        ("KARIPASS_SITE_HELP_URL", "https://example.jp/help"),
        ("KARIPASS_SITE_CONTACT_URL", "https://example.jp/contact"),
        ("KARIPASS_SITE_PRIVACY_URL", "https://example.jp/privacy"),
        ("KARIPASS_SITE_TERMS_URL", "https://example.jp/terms?a=1&b=\"2\""),
        ("KARIPASS_SITE_SUPPORT_NUMBER", "0120123456"),
        ("KARIPASS_SITE_SUPPORT_HOURS", "平日のみ"),
    ];
    let service = Service::start(&database, &variables).await;
    let mut browser = Browser::new(&service.base);
    let mut pages = Vec::new();
    for path in ["/", "/guide", "/accessibility", "/login", "/logged-out", "/timed-out", "/nothing"]
    {
        pages.push(browser.get(path).await.body);
    }
    browser.log_in(NUMBER, RIGHT).await;
    for path in ["/", "/guide", "/unit", "/password"] {
        let page = browser.get(path).await.body;
        assert!(
            page.contains("ログイン中") && page.contains("15分間操作がない場合"),
            "{path}: {page}"
        );
        pages.push(page);
    }
    for page in &pages {
        for part in [
            "｜電話の窓口</title>",
            "<span>電話の窓口</span></a>",
            "alt=\"電話の会社\"",
            "<p class=\"company\">電話の会社</p>",
            "href=\"https://example.jp/help\">ヘルプ",
            "href=\"https://example.jp/contact\">お問い合わせ",
            "href=\"https://example.jp/privacy\">プライバシーポリシー",
            "href=\"https://example.jp/terms?a=1&#38;b=%222%22\">利用規約",
            "href=\"tel:0120123456\">0120-123-456</a>（受付時間：平日のみ）",
            "href=\"/guide\">ご利用ガイド",
            "href=\"/accessibility\">アクセシビリティ",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
    for words in ["電話の窓口への接続は", "\"電話の窓口のアクセシビリティへの", "電話の窓口を制作"]
    {
        assert!(pages.iter().any(|page| page.contains(words)), "{words}");
    }
    for (before, kind, content) in [
        ("<img src=\"/assets/logo", "image/svg+xml; charset=utf-8", svg),
        (
            "<link rel=\"icon\" href=\"/assets/icon",
            "image/svg+xml; charset=utf-8",
            "fill=\"#00665a\"",
        ),
        (
            "<link rel=\"stylesheet\" href=\"/assets/style",
            "text/css; charset=utf-8",
            "--key: #00665a;",
        ),
        ("<script src=\"/assets/script", "text/javascript; charset=utf-8", "showModal()"),
    ] {
        let (_, path) = pages[0].split_once(before).unwrap();
        let (name, path) =
            (&before[before.find("/assets").unwrap()..], path.split('"').next().unwrap());
        let asset = browser.get(&format!("{name}{path}")).await;
        assert_eq!((asset.status, asset.headers[CONTENT_TYPE].to_str().unwrap()), (200, kind));
        assert_eq!(asset.headers[CACHE_CONTROL], "public, max-age=31536000, immutable");
        assert!(asset.body.contains(content), "{asset:?}");
    }
    // The logo's text is Japanese on an English page, too.
    let english = browser.get("/guide?lang=en").await.body;
    assert!(english.contains(" lang=\"ja\" alt=\"電話の会社\">"), "{english}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w10_the_entry_page_leads_to_the_login_and_shows_the_notices() {
    let notices = [("KARIPASS_SITE_NOTICES", "9月1日は点検のため停止します。,<b>強調</b>")];
    let service = Service::start(&support::database().await, &notices).await;
    let page = Browser::new(&service.base).get("/").await;
    assert_eq!((page.status, title(&page)), (200, "トップページ"));
    for part in [
        "href=\"/login\" id=\"to-login\">ログイン</a>",
        "<section class=\"notice info\" aria-label=\"お知らせ\">",
        "<li>9月1日は点検のため停止します。</li>",
        "<li>&#60;b&#62;強調&#60;/b&#62;</li>",
        "推奨環境",
        "06-6480-6430",
    ] {
        assert!(page.body.contains(part), "{part}: {page:?}");
    }
    assert!(!page.body.contains("noindex"), "{page:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn w12_every_footer_and_the_entry_page_say_which_key_to_press() {
    let (database, _) = site::contracted("password").await;
    let service = Service::start(&database, &[]).await;
    let mut browser = Browser::new(&service.base);
    let all = "回線単位は「1」、電話番号単位は「2」、管理者/ユーザ単位は「3」";
    let own = "「1」（回線単位）を押します";
    let warning = "異なる認証単位を選ぶと、認証単位が変更され、ほかのパスワードと仮パスワードは無効になります";
    let footer = |page: &str| page.split_once("<footer").unwrap().1.to_owned();
    for path in ["/", "/guide", "/login", "/logged-out", "/nothing"] {
        let footer = footer(&browser.get(path).await.body);
        assert!(footer.contains(all) && footer.contains(warning), "{path}: {footer}");
        assert!(!footer.contains("現在の認証単位"), "there may be none: {footer}");
    }
    let entry = browser.get("/").await.body;
    let (main, _) = entry.split_once("<footer").unwrap();
    for part in
        ["「1」", "「2」", "「3」", "同じ認証単位を選んでください", "現在と異なる認証単位を選ぶと"]
    {
        assert!(main.contains(part), "{part}: {main}");
    }
    browser.log_in(NUMBER, RIGHT).await;
    for path in ["/", "/guide", "/unit", "/password", "/nothing"] {
        let footer = footer(&browser.get(path).await.body);
        assert!(footer.contains(own) && footer.contains(warning), "{path}: {footer}");
        assert!(!footer.contains(all), "{path}: {footer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn w10_a_file_says_where_to_report_a_vulnerability() {
    const PATH: &str = "/.well-known/security.txt";
    let database = support::database().await;
    let contact = [("KARIPASS_SITE_SECURITY_CONTACT", "mailto:security@example.com")];
    let service = Service::start(&database, &contact).await;
    let file = Browser::new(&service.base).get(PATH).await;
    assert_eq!(file.headers[CONTENT_TYPE], "text/plain; charset=utf-8");
    let fields: Vec<_> = file.body.lines().filter_map(|line| line.split_once(": ")).collect();
    let [("Contact", contact), ("Expires", expires), ("Preferred-Languages", "ja, en")] =
        fields[..]
    else {
        panic!("{file:?}");
    };
    assert_eq!(contact, "mailto:security@example.com");
    let hours = (expires.parse::<Timestamp>().unwrap() - clock::wall_clock()).total(Unit::Hour);
    assert!((1.0..365.0 * 24.0).contains(&hours.unwrap()), "{expires}");
    let nobody = Service::start(&database, &[]).await;
    assert_eq!(Browser::new(&nobody.base).get(PATH).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn w10_the_guide_has_the_manuals_steps_with_this_operators_numbers() {
    let variables =
        [("KARIPASS_SITE_SET_UP_NUMBER", "0753211234"), ("KARIPASS_SESSION_IDLE_TIMEOUT_S", "600")];
    let service = Service::start(&support::database().await, &variables).await;
    let mut browser = Browser::new(&service.base);
    let page = browser.get("/guide").await;
    assert_eq!((page.status, title(&page)), (200, "ご利用ガイド"));
    for part in [
        "href=\"tel:0753211234\">075-321-1234</a>（有料）へダイヤルします",
        "「1」をダイヤル",
        "「2」をダイヤル",
        "「3」をダイヤル",
        "8桁の数字",
        "3回誤ってダイヤルした場合",
        "設定後24時間以上経過すると無効",
        "仮パスワードの入力を3回連続で",
        "パスワードの入力を10回連続で",
        "0回に戻ります",
        "有効期限は60日間",
        "8桁～12桁の半角英数字",
        "10分間操作がなかった場合",
        "12時間経過",
        "SSL",
        "パケット通信料",
        "推奨環境",
    ] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let page = browser.get("/accessibility").await;
    assert_eq!((page.status, title(&page)), (200, "アクセシビリティ"));
    assert!(page.body.contains("10分間操作がない場合"), "{}", page.body);
}
