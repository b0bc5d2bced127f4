using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Numerics;
using System.Text.RegularExpressions;

namespace Attune.Feedback.Arena;

/// <summary>
/// Finds what may be private in a text: addresses of mail, telephone numbers, numbers of cards (with the check digit of Luhn 1960) and of accounts (IBAN, with the
/// check of ISO 7064), network addresses, long rows of digits. The patterns are <c>data/private-data.tsv</c>, which is part of the program. It finds what has
/// a form; names, streets and stories it does not.
/// </summary>
public static class PrivateData
{
    private const int LongDigits = 9;

    private static readonly (string Kind, string Check, Regex Pattern)[] Patterns = [.. DataLines.Of("private-data.tsv").Select(line => line.Split('\t')).Select(
        parts => (parts[0], parts[1], new Regex(parts[2], RegexOptions.CultureInvariant | RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)))];

    /// <summary>The kinds of private data in a text, each once: "email", "phone", "card", "iban", "ipv4", "ipv6", "number".</summary>
    public static IReadOnlyList<string> Kinds(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        return [.. Patterns.Where(pattern => pattern.Pattern.Matches(text).Any(match => Holds(pattern.Check, match.Value))).Select(pattern => pattern.Kind).Distinct()];
    }

    /// <summary>Whether the check digit of Luhn is right.</summary>
    public static bool HasLuhnDigit(string number)
    {
        ArgumentNullException.ThrowIfNull(number);
        var digits = number.Where(char.IsAsciiDigit).Select(digit => digit - '0').Reverse().ToArray();
        return digits.Length > 1 && digits.Any(digit => digit > 0) && digits.Select((digit, place) => place % 2 == 0 ? digit : 2 * digit > 9 ? 2 * digit - 9 : 2 * digit).Sum() % 10 == 0;
    }

    /// <summary>Whether it is an IBAN with the right check digits; what follows it without a gap is not looked at.</summary>
    public static bool IsIban(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var letters = string.Concat(text.Where(char.IsAsciiLetterOrDigit)).ToUpperInvariant();
        for (var length = Math.Min(34, letters.Length); length >= 15; length--) // words may follow after a blank
        {
            var moved = letters[4..length] + letters[..4];
            if (BigInteger.Parse(string.Concat(moved.Select(letter => char.IsAsciiDigit(letter) ? $"{letter}" : $"{letter - 'A' + 10}")), CultureInfo.InvariantCulture) % 97 == 1)
                return true;
        }
        return false;
    }

    private static bool Holds(string check, string found) => check switch
    {
        "luhn" => HasLuhnDigit(found),
        "iban" => IsIban(found),
        "ipv4" => found.Split('.').All(part => int.Parse(part, CultureInfo.InvariantCulture) <= 255),
        "ipv6" => found.Count(char.IsAsciiHexDigit) > 3 && found.Any(char.IsAsciiDigit) && IPAddress.TryParse(found, out var address) && address.AddressFamily == AddressFamily.InterNetworkV6, // a::b is code
        "digits" => found.Count(char.IsAsciiDigit) >= LongDigits,
        _ => true,
    };
}
