using Attune.Runs;
using Attune.Storage.People;
using Attune.Storage.Tests.Testing;

namespace Attune.Storage.Tests.People;

public sealed class PeopleTests
{
    [Theory, OnSqlite, OnPostgres]
    public async Task An_address_belongs_to_one_person_in_whatever_case(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var anna = await test.Database.People.CreateAsync(new() { DisplayName = "Anna", Email = " Anna@Example.org", Languages = ["en", "de", "en"] }, null);

        var message = (await Assert.ThrowsAsync<InputException>(() => test.Database.People.CreateAsync(new() { DisplayName = "Ann", Email = "anna@example.ORG" }, null))).Message;

        Assert.Contains("belongs to somebody already", message);
        Assert.DoesNotContain("example", message);
        Assert.Equal(anna.Id, (await test.Database.People.IdentityByEmailAsync("ANNA@example.org"))!.PersonId);
        Assert.Equal(["de", "en"], await test.Database.People.LanguagesAsync(anna.Id));
        Assert.Single((await test.Database.People.ListAsync(new())).Items); // the failed one left nothing
        Assert.Contains("2 problems", (await Assert.ThrowsAsync<InputException>(() => test.Database.People.CreateAsync(new() { DisplayName = " ", Email = "x" }, null))).Message);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task An_invitation_works_once_and_until_it_expires(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (project, _) = await test.Project(1);
        var (used, stale) = (await test.Database.Access.InviteAsync(Role.Manager, project.Id, "eve@example.org", TimeSpan.FromDays(7), null), await test.Database.Access.InviteAsync(Role.Annotator, null, null, TimeSpan.FromDays(1), null));

        var tries = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => test.Database.Access.AcceptInvitationAsync(used.Token, new() { DisplayName = $"Eve {i}" })));
        test.Clock.Advance(TimeSpan.FromDays(2));

        var eve = Assert.Single(tries.OfType<Person>());
        Assert.Equal((Role.Annotator, Role.Manager), (eve.Role, (await test.Database.Projects.MemberAsync(project.Id, eve.Id))!.Role));
        Assert.Equal("eve@example.org", (await test.Database.People.IdentityAsync(eve.Id))!.Email);
        Assert.Null(await test.Database.Access.FindInvitationAsync(used.Token));
        Assert.Null(await test.Database.Access.AcceptInvitationAsync(stale.Token, new() { DisplayName = "Late" }));
        Assert.DoesNotContain(used.Token, await test.Database.ReadAsync(transaction => transaction.QueryAsync<string>("SELECT token_hash FROM invitations")));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_reset_sets_the_password_once_and_ends_all_sessions(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (_, people) = await test.Project(1);
        var session = await test.Database.Access.BeginSessionAsync(people[0].Id, TimeSpan.FromHours(1));
        Assert.Equal(people[0].Id, (await test.Database.Access.FindSessionAsync(session))!.Person.Id);

        var token = (await test.Database.Access.BeginResetAsync("person0@example.org", TimeSpan.FromHours(1)))!;
        Assert.Null(await test.Database.Access.BeginResetAsync("nobody@example.org", TimeSpan.FromHours(1)));
        Assert.True(await test.Database.Access.ResetPasswordAsync(token, "hash 2"));
        Assert.False(await test.Database.Access.ResetPasswordAsync(token, "hash 3"));

        Assert.Equal("hash 2", (await test.Database.People.IdentityAsync(people[0].Id))!.PasswordHash);
        Assert.Null(await test.Database.Access.FindSessionAsync(session));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_session_that_is_used_is_prolonged_up_to_its_absolute_end(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (_, people) = await test.Project(1);
        var access = test.Database.Access;
        var session = await access.BeginSessionAsync(people[0].Id, TimeSpan.FromDays(2));
        Task<TimeSpan?> Prolong() => access.ProlongSessionAsync(session, TimeSpan.FromDays(2), TimeSpan.FromDays(3));

        test.Clock.Advance(TimeSpan.FromDays(0.5));
        Assert.Equal(TimeSpan.FromDays(2), await Prolong());
        test.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(TimeSpan.FromDays(1.5), await Prolong()); // three days from the beginning
        var found = (await access.FindSessionAsync(session))!;
        Assert.Equal((TimeSpan.FromDays(1.5), TimeSpan.FromDays(1.5)), (found.Age, found.Left));
        test.Clock.Advance(TimeSpan.FromDays(1.5));
        Assert.Null(await Prolong());
        Assert.Null(await access.FindSessionAsync(session));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task A_changed_password_ends_the_other_sessions_and_the_links_made_before(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (_, people) = await test.Project(2);
        var access = test.Database.Access;
        await access.ResetPasswordAsync((await access.BeginResetAsync("person0@example.org", TimeSpan.FromHours(1)))!, "hash 1");
        var (own, other, another) = (await access.BeginSessionAsync(people[0].Id, TimeSpan.FromDays(1)), await access.BeginSessionAsync(people[0].Id, TimeSpan.FromDays(1)), await access.BeginSessionAsync(people[1].Id, TimeSpan.FromDays(1)));
        var link = (await access.BeginResetAsync("person0@example.org", TimeSpan.FromHours(1)))!;

        Assert.False(await access.ChangePasswordAsync(people[0].Id, "hash 0", "hash 2", own)); // somebody was faster
        Assert.NotNull(await access.FindSessionAsync(other));
        Assert.True(await access.ChangePasswordAsync(people[0].Id, "hash 1", "hash 2", own));

        Assert.Equal("hash 2", (await test.Database.People.IdentityAsync(people[0].Id))!.PasswordHash);
        Assert.NotNull(await access.FindSessionAsync(own));
        Assert.Null(await access.FindSessionAsync(other));
        Assert.NotNull(await access.FindSessionAsync(another));
        Assert.False(await access.HoldsResetAsync(link));
        Assert.Single((await test.Database.Audit.ListAsync(null, new() { Size = 200 })).Items, entry => (entry.Act, entry.ActorId) == ("password.change", people[0].Id));
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Sessions_and_keys_end_and_failures_are_counted_within_a_window(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (_, people) = await test.Project(1);
        var access = test.Database.Access;
        var session = await access.BeginSessionAsync(people[0].Id, TimeSpan.FromMinutes(30));
        var key = await access.CreateKeyAsync(people[0].Id, "script", ["tasks:write", "judgments:read"], TimeSpan.FromHours(1), people[0].Id);
        var revoked = await access.CreateKeyAsync(people[0].Id, "old", [], null, people[0].Id);
        await access.RevokeKeyAsync(revoked.Value.Id, people[0].Id);
        FailureLimit[] limits = [new("Eve@example.org", 3, EndsWithSuccess: true), new("network", 9, EndsWithSuccess: false)];
        Assert.True(await access.BeginTryAsync(limits, TimeSpan.FromMinutes(15)));
        test.Clock.Advance(TimeSpan.FromMinutes(10));
        Assert.True(await access.BeginTryAsync([limits[0] with { Subject = "eve@example.org " }, limits[1]], TimeSpan.FromMinutes(15)));

        Assert.Equal("tasks:write judgments:read", (await access.FindKeyAsync(key.Token))!.Scopes);
        Assert.Null(await access.FindKeyAsync(revoked.Token));
        Assert.Equal((2, 1), (await access.FailuresAsync("eve@example.org", TimeSpan.FromMinutes(15)), await access.FailuresAsync("eve@example.org", TimeSpan.FromMinutes(5))));
        Assert.True(await access.BeginTryAsync(limits, TimeSpan.FromMinutes(15)));
        Assert.False(await access.BeginTryAsync(limits, TimeSpan.FromMinutes(15))); // and nothing is noted
        await access.EndTryAsync(limits);
        Assert.Equal((0, 2), (await access.FailuresAsync("eve@example.org", TimeSpan.FromMinutes(15)), await access.FailuresAsync("network", TimeSpan.FromMinutes(15))));

        await access.NoteGuessAsync("guesses", "never made");
        await access.NoteGuessAsync("guesses", "never made"); // the same one again is no other guess
        await access.NoteGuessAsync("guesses", revoked.Token); // was made once
        Assert.Equal(1, await access.FailuresAsync("guesses", TimeSpan.FromMinutes(15)));
        test.Clock.Advance(TimeSpan.FromHours(1));
        Assert.Null(await access.FindSessionAsync(session));
        Assert.Null(await access.FindKeyAsync(key.Token));
        Assert.Equal(2, (await access.KeysAsync(people[0].Id)).Count);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task The_last_owner_stays(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var owner = await test.Database.People.CreateAsync(new() { DisplayName = "Owner", Role = Role.Owner }, null);

        Assert.Contains("is the last owner", (await Assert.ThrowsAsync<InputException>(() => test.Database.People.SetRoleAsync(owner.Id, Role.Viewer, null))).Message);
        await Assert.ThrowsAsync<InputException>(() => test.Database.Erasure.EraseAsync(owner.Id, alsoTexts: false, null));
        var second = await test.Database.People.CreateAsync(new() { DisplayName = "Second", Role = Role.Owner }, owner.Id);
        await test.Database.People.SetRoleAsync(owner.Id, Role.Viewer, second.Id);
        Assert.Equal(Role.Viewer, (await test.Database.People.FindAsync(owner.Id))!.Role);
    }

    [Theory, OnSqlite, OnPostgres]
    public async Task Lists_come_in_pages(DatabaseKind kind)
    {
        await using var test = await TestDatabase.Open(kind);
        var (_, people) = await test.Project(5);
        var seen = new List<string>();
        string? next = null;
        do
        {
            var page = await test.Database.People.ListAsync(new() { After = next, Size = 2 });
            Assert.InRange(page.Items.Count, 1, 2);
            seen.AddRange(page.Items.Select(person => person.Id));
            next = page.Next;
        }
        while (next is not null);

        Assert.Equal(people.Select(person => person.Id), seen);
    }
}
