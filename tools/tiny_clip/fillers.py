"""Ordinary words strewn into training sentences, so that a sentence's frame matters little."""

FILLERS: tuple[str, ...] = tuple(
    """
    the be to of and that have it for not on with he as you do at this but his by from they we say
    her she or an will my all would there their what so up out if about who get which go me
    when make can like time no just him know take people into year your good some could them see
    other than then now only come its over think also back after use how our work first well
    way even new want because any these give day most us is was are been has had were said did
    having may should am very must still here between both under never same another while last
    might great old off always those since against right next few until again perhaps quite
    really simply maybe later earlier soon already often sometimes almost together please thank
    kindly hello dear friend mother father sister brother child man woman teacher boss colleague
    guest visitor team office street town country world life thing things part place case week
    company system question government number point room money fact month lot study
    business issue side head service family power hour line end member law
    moment idea help talk ask answer tell hear listen watch remember forget believe
    mean keep hold bring begin start stop turn move live stand sit lie run walk open close pay
    meet include continue set learn change lead understand spend grow offer consider appear buy
    wait serve send expect build stay fall cut reach kill remain suggest raise pass sell
    require report decide pull big small large little young long short high low early late hard
    easy clear strong whole free full special certain real sure nice lovely wonderful awful
    pretty ugly typical ordinary strange funny sad happy busy rich poor cheap dear public private
    online digital printed drawn painted shown seen found made called named taken given kept
    anywhere everywhere nowhere something anything everything nothing someone anyone everyone
    nobody therefore however although though unless whether either neither instead except without
    within during before behind beyond among across along around through toward upon onto beneath
    """.split()
)
