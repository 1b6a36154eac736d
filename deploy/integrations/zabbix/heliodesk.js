// Zabbix media type "Heliodesk": posts one notification to Heliodesk's door "zabbix".
// Zabbix hands the parameters in as the JSON text `value`; its engine knows ECMAScript 5.
// Whatever is thrown makes Zabbix try again, as often as the media type says.
try {
    var params = JSON.parse(value);
    var url = params.heliodesk_url;
    var token = params.heliodesk_token;
    var proxy = params.http_proxy;

    if (typeof url !== 'string' || url.indexOf('https://') !== 0 && url.indexOf('http://') !== 0) {
        throw 'heliodesk_url is no address';
    }
    if (typeof token !== 'string' || token === '' || token.charAt(0) === '<') {
        throw 'heliodesk_token is not set';
    }
    // Discovery (1) and autoregistration (2) tell of no problem.
    if (params.event_source === '1' || params.event_source === '2') {
        return 'OK: nothing to tell';
    }

    var event = {};
    Object.keys(params).forEach(function (name) {
        if (name.indexOf('heliodesk_') !== 0 && name !== 'http_proxy') {
            event[name] = params[name];
        }
    });

    var request = new HttpRequest();
    request.addHeader('Content-Type: application/json');
    request.addHeader('Authorization: Bearer ' + token);
    if (typeof proxy === 'string' && proxy !== '') {
        request.setProxy(proxy);
    }

    var response = request.post(url, JSON.stringify(event));
    var status = request.getStatus();
    Zabbix.log(4, '[Heliodesk] ' + status + ' ' + response);
    if (status < 200 || status >= 300) {
        throw 'Heliodesk answered ' + status + ': ' + response;
    }
    return 'OK';
}
catch (error) {
    Zabbix.log(3, '[Heliodesk] ' + error);
    throw 'Heliodesk: ' + error;
}
