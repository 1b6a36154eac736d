// An action group of Azure Monitor that hands alerts to Heliodesk, in the common alert schema.
// An action group sends no header of one's own: the token stands in the address.

@description('Base of Heliodesk, such as https://heliodesk.example.org')
param heliodesk string

@secure()
@description('The token of an integration of the door azure.')
param token string

resource group 'Microsoft.Insights/actionGroups@2022-06-01' = {
  name: 'heliodesk'
  location: 'Global'
  properties: {
    enabled: true
    groupShortName: 'heliodesk'
    webhookReceivers: [
      {
        name: 'heliodesk'
        serviceUri: '${heliodesk}/v1/alerts/azure?token=${token}'
        useCommonAlertSchema: true
      }
    ]
  }
}

output id string = group.id
