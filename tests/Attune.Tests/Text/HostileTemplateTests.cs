using System.Diagnostics;
using Attune.Tests.Tokens;
using Attune.Text;

namespace Attune.Tests.Text;

/// <summary>Templates that nobody means well are refused in time, with little memory, and reach nothing.</summary>
public sealed class HostileTemplateTests
{
    /// <summary>Parts of templates put together at random: most make no sense, and none may do more than be refused.</summary>
    [Fact]
    public void Templates_drawn_from_parts_are_rendered_or_refused()
    {
        string[] parts =
        [
            "{{ ", " }}", "{% ", " %}", "{%- ", "-%}", "{# ", " #}", "if ", "elif ", "else", "endif", "for m in messages", "for x, y in ", "endfor", "set x = ", "set ns.x = ", "macro m(a, b=1)", "endmacro", "m(1)", "m(*x)", "m(**x)",
            "call m()", "endcall", "filter upper", "endfilter", "generation", "endgeneration", "break", "continue", "raw", "endraw", "messages", "messages[0]", ".content", "['role']", "[::-1]", "[0:99:0]", "[-9223372036854775808]",
            "|length", "|tojson", "|join", "|map('upper')", "|selectattr('role', 'eq', 'user')", "|sort", "|items", "|default(x)", "|int", "|float", "|round(99)", "|first", "|replace('', 'xx')", "|indent(99)", "|list", "|string", "|safe",
            " is defined", " is divisibleby 0", " is string", " in ", " not ", " and ", " or ", " if ", " else ", " ~ ", " + ", " - ", " * ", " / ", " // ", " % ", " ** ", " == ", " < ", "(", ")", "[", "]", "{", "}", ":", ",", ".", "|", "'", "\"",
            "'x'", "\"y\"", "1", "0", "-1", "9223372036854775807", "1e308", "1.5", "none", "true", "loop.index", "loop.cycle()", "loop.previtem", "loop", "namespace(x=1)", "dict(a=1)", "range(5)", "range(0, 9, 0)", "range(99999999)",
            "raise_exception('no')", "strftime_now('%')", "strftime_now(1)", "''.__class__", ".format(1)", ".split('')", ".replace('', 'x')", ".join(messages)", ".upper()", ".items()", ".get()", "self", "super()", "x", "ns", "\n", " ", "é🦙", "\u0000",
        ];
        var drawn = new Drawn(11);
        var (rendered, refused) = (0, 0);
        for (var k = 0; k < 20_000; k++)
        {
            var inner = string.Concat(Enumerable.Range(0, 1 + drawn.Below(8)).Select(_ => parts[drawn.Below(parts.Length)]));
            var source = (k % 3) switch { 0 => inner, 1 => "{{ " + inner + " }}", _ => "{% set ns = namespace(x=1) %}{% set x = messages %}{% if " + inner + " %}a{% endif %}" };
            if (HostileFilesTests.Attempt(() => ChatTemplate.Parse(source, "mine").Render(new([new(Role.User, "Hi"), new(Role.Assistant, "Yes")]), new() { Begin = "<s>" }), source))
                refused++;
            else
                rendered++;
        }

        Assert.InRange(rendered, 500, 15_000);
        Assert.InRange(refused, 500, 19_500);
    }

    [Theory]
    [InlineData("{% macro m(n) %}{{ m(n) }}{{ m(n) }}{% endmacro %}{{ m(1) }}")]
    [InlineData("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}")]
    [InlineData("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(45) }}")]
    [InlineData("{% for a in range(99999) %}{% for b in range(99999) %}{{ a }}{% endfor %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s=['x']) %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}")]
    [InlineData("{% set ns = namespace(s=['x']) %}{% for i in range(99) %}{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}")]
    [InlineData("{% set ns = namespace(s={'a': 1}) %}{% for i in range(99) %}{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s | tojson }}")]
    [InlineData("{% set ns = namespace(s=[1]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s }}")]
    [InlineData("{% set ns = namespace(s=[1]) %}{% for i in range(99999) %}{% set ns.s = [ns.s] %}{% endfor %}{{ ns.s == ns.s }}{{ [ns.s] | sort }}{{ [ns.s, ns.s] | unique | list }}")]
    [InlineData("{% set ns = namespace(x=1) %}{% set ns.x = ns %}{{ ns }}{{ ns.x | tojson }}{{ [ns] | string }}")]
    [InlineData("{% set x = 'ab' * 1000000 %}{% for i in range(99999) %}{% set y = x.replace('a', 'bb') %}{% endfor %}")]
    [InlineData("{% set x = 'a ' * 1000000 %}{% for i in range(99999) %}{% set y = x.split() %}{% endfor %}")]
    [InlineData("{% set x = 'a' * 10000000 %}{{ x.replace('', x) }}")]
    [InlineData("{% set x = 'a' * 10000000 %}{{ x | indent(1000000) }}{{ x | replace('a', x) }}")]
    [InlineData("{% set x = ['a'] * 10000000 %}{% for i in range(99999) %}{% set y = x | join('aaaaaaaaaaaaaaaaaaaaa') %}{% endfor %}")]
    [InlineData("{% for i in range(99999) %}{% set y = range(99999) %}{% endfor %}")]
    [InlineData("{% for i in range(99999) %}{% set y = range(99999) | sort | reverse | list %}{% endfor %}")]
    [InlineData("{{ 2 ** 2 ** 2 ** 2 ** 2 ** 2 ** 2 }}")]
    [InlineData("{{ 9 ** 9999999999 }}")]
    [InlineData("{{ 'x' | indent(9223372036854775807) }}")]
    [InlineData("{{ [1, [2]] | tojson(indent=9223372036854775807) }}")]
    [InlineData("{{ 'x'.__class__.__mro__ }}")]
    [InlineData("{{ messages.__class__ }}{{ messages['__class__'] }}")]
    [InlineData("{{ raise_exception.__globals__ }}")]
    [InlineData("{{ ''['__class__'] }}")]
    [InlineData("{{ messages | attr('__class__') }}")]
    [InlineData("{{ messages | map(attribute='__class__') | list }}")]
    [InlineData("{{ 'a{0.__class__}'.format(messages) }}")]
    [InlineData("{{ cycler.__init__.__globals__.os }}")]
    [InlineData("{% import 'os' as os %}")]
    [InlineData("{% extends 'x' %}")]
    public void No_template_runs_for_long_or_reaches_anything(string source)
    {
        var began = Stopwatch.GetTimestamp();
        var before = GC.GetTotalAllocatedBytes();
        HostileFilesTests.Attempt(() =>
        {
            var text = ChatTemplate.Parse(source, "mine").Render(new([new(Role.User, "Hi")]), new() { Begin = "<s>" }).Text;
            Assert.DoesNotContain("Attune.", text, StringComparison.Ordinal); // a type's name would come from within
        });
        Assert.InRange(Stopwatch.GetElapsedTime(began), TimeSpan.Zero, HostileFilesTests.Longest);
        Assert.InRange(GC.GetTotalAllocatedBytes() - before, 0, 4L << 30);
    }
}
